// The check of the message waits for a pause in typing; leaving the box asks at once.
element.setAttribute("aria-live", "polite");
let timer = 0;
const listenTo = (event, milliseconds) =>
  element.closest("#composing").addEventListener(event, (happened) => {
    if (!happened.target.matches("#message textarea") || (event === "focusout" && !timer)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      trigger("input");
    }, milliseconds);
  });
listenTo("input", 600);
listenTo("focusout", 0);
