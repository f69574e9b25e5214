() => {
  const press = (id) => {
    const button = document.getElementById(id);
    if (button?.offsetParent && !button.disabled) button.click(); // not from behind another tab
  };
  const VOTE_KEYS = { 1: "vote-1", 2: "vote-2", 3: "vote-3", 4: "vote-4", t: "vote-tie", b: "vote-bad" };
  const TYPED_INTO = "textarea, select, [contenteditable=true], input:not([type=radio], [type=checkbox], [type=range])";
  const isVote = (event) =>
    event.key in VOTE_KEYS &&
    !(event.ctrlKey || event.metaKey || event.altKey || event.repeat) &&
    !event.target.closest(TYPED_INTO);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("run");
    } else if (isVote(event)) {
      press(VOTE_KEYS[event.key]);
    } else if (event.key === "Escape" && event.target.ariaExpanded !== "true") {
      press("stop"); // an open list of options takes Escape for itself
    }
  });
  const closeOnLeaving = (event) => {
    // Gradio 6.31 opens the list again after Tab has left it; without the key it closes with the focus.
    if (event.key === "Tab" && event.target.getAttribute?.("role") === "combobox") event.stopPropagation();
  };
  window.addEventListener("keydown", closeOnLeaving, true);
  // The containers stay while their text changes, so that a screen reader hears the change.
  for (const line of document.querySelectorAll(".block.status")) line.setAttribute("aria-live", "polite");
}
