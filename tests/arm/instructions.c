/* A QEMU plugin that counts the instructions a program executes and writes their number to the file out=PATH.
 *
 * What it needs of qemu-plugin.h (API version 1), and no more: Debian has no package with that header.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct qemu_plugin_tb;
typedef uint64_t Id;
enum Op { ADD_U64 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(Id, void (*)(Id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum Op, void *, uint64_t);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_atexit_cb(Id, void (*)(Id, void *), void *);

int qemu_plugin_version = 1;

static uint64_t count;
static char path[4096];

static void on_block(Id id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &count, qemu_plugin_tb_n_insns(block));
}

static void on_exit_of_program(Id id, void *unused) {
  (void)id;
  (void)unused;
  FILE *file = fopen(path, "w");
  if (file) {
    fprintf(file, "%" PRIu64 "\n", count);
    fclose(file);
  }
}

int qemu_plugin_install(Id id, const void *info, int n_arguments, char **arguments) {
  (void)info;
  if (n_arguments != 1 || strncmp(arguments[0], "out=", 4) || strlen(arguments[0]) >= sizeof path) return 1;
  strcpy(path, arguments[0] + 4);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
  qemu_plugin_register_atexit_cb(id, on_exit_of_program, NULL);
  return 0;
}
