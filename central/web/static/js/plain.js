// Login and one-time link pages: the secret behind # goes into the form and out of the address bar, then the form sends itself.

import { returnHere } from "./language.js";

returnHere();
const form = document.getElementById("open-link");
const secret = location.hash.slice(1);
if (form && secret && !("tried" in form.dataset)) {
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = decodeURIComponent(secret);
  form.requestSubmit();
}
