() => {
  const press = (id) => {
    const button = document.getElementById(id);
    if (button && !button.disabled) button.click();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("run");
    } else if (event.key === "Escape" && event.target.ariaExpanded !== "true") {
      press("stop"); // an open list of options takes Escape for itself
    }
  });
  // The containers stay while their text changes, so that a screen reader hears the change.
  for (const line of document.querySelectorAll(".block.status")) line.setAttribute("aria-live", "polite");
}
