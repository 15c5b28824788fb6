"use strict";
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  name();
  dark.addEventListener("change", name);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  const open = () => {
    const there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!there) return;
    for (let at = there; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    there.scrollIntoView();
    if (there.tabIndex === -1) there.focus({ preventScroll: true });
  };
  const closed = () => document.querySelectorAll("details.printed:not([open])");
  addEventListener("beforeprint", () => { for (const each of closed()) { each.open = true; each.dataset.shut = ""; } });
  addEventListener("afterprint", () => {
    for (const each of document.querySelectorAll("details[data-shut]")) { each.open = false; delete each.dataset.shut; }
  });
  addEventListener("hashchange", open);
  open();
})();
