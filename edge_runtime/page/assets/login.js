// The token is asked for once; the server answers with a cookie that no script can read.
import { $, make, say } from "./dom.js";
import { locked, logIn, logOut } from "./ask.js";

const FORM = () => make("form", { class: "login card", id: "login" },
  make("h1", {}, "Log in"),
  make("p", {}, "This page asks for the token that was set where saelite runs."),
  make("input", { type: "text", name: "username", value: "saelite", autocomplete: "username", hidden: true }),
  make("label", { for: "token" }, "Token"),
  make("input", { id: "token", type: "password", autocomplete: "current-password", spellcheck: "false", required: true }),
  make("p", { class: "problem", id: "login-problem", role: "alert" }),
  make("button", { type: "submit", class: "primary" }, "Log in"));

export function prepareLogin(entered) {
  const form = FORM();
  form.hidden = true;
  $("main").before(form);
  locked.show = () => {
    form.hidden = false;
    $("main").hidden = $("log-out").hidden = true;
    $("link").hidden = true;
    $("token").focus();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await logIn($("token").value);
    } catch (error) {
      say($("login-problem"), error.message);
      $("token").select();
      return;
    }
    $("token").value = "";
    say($("login-problem"), "");
    form.hidden = true;
    $("link").hidden = false;
    entered();
  });
  $("log-out").addEventListener("click", async () => {
    await logOut();
    location.reload();
  });
}
