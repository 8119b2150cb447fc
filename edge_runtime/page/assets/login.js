// The token is asked for once; the server answers with a cookie that no script can read.
import { $, say } from "./dom.js";
import * as api from "./api.js";

export function prepareLogin(entered) {
  api.locked.show = () => {
    $("login").hidden = false;
    $("main").hidden = $("log-out").hidden = true;
    $("link").hidden = true;
    $("token").focus();
  };
  $("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await api.logIn($("token").value);
    } catch (error) {
      say($("login-problem"), error.message);
      $("token").select();
      return;
    }
    $("token").value = "";
    say($("login-problem"), "");
    $("login").hidden = true;
    $("link").hidden = false;
    entered();
  });
  $("log-out").addEventListener("click", async () => {
    await api.logOut();
    location.reload();
  });
}
