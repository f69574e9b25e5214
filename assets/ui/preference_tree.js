// The tree of preferences, after the tree view pattern of the ARIA authoring practices: one stop of the Tab key,
// arrows to move, Enter or Space to take. The server only learns which preference was picked.
const tree = element.querySelector("[role=tree]");
const items = [...tree.querySelectorAll("[role=treeitem]")];
const leaves = items.filter((item) => item.dataset.key);
const search = element.querySelector("input");
const found = element.querySelector("[role=status]");
const label = (item) => item.getAttribute("aria-label");
const above = (item) => item.parentElement.closest("[role=treeitem]");
const shown = () => items.filter((item) => item.getClientRects().length > 0);
const isOpen = (item) => item.getAttribute("aria-expanded") === "true";

const setOpen = (item, open) => item.setAttribute("aria-expanded", open);

const moveTo = (item) => {
  if (!item) return;
  for (const other of items) other.tabIndex = other === item ? 0 : -1;
  item.focus();
};

const act = (item) => {
  if (item.dataset.key) trigger("select", { key: item.dataset.key });
  else setOpen(item, !isOpen(item));
};

let typed = "";
let typedAt = 0;
const typeAhead = (sign, current) => {
  typed = Date.now() - typedAt > 700 ? sign : typed + sign;
  typedAt = Date.now();
  const all = shown();
  const start = all.indexOf(current) + (typed.length === 1 ? 1 : 0);
  const turned = [...all.slice(start), ...all.slice(0, start)];
  moveTo(turned.find((item) => label(item).toLowerCase().startsWith(typed.toLowerCase())));
};

const keys = {
  ArrowDown: (item, all) => moveTo(all[all.indexOf(item) + 1]),
  ArrowUp: (item, all) => moveTo(all[all.indexOf(item) - 1]),
  ArrowRight: (item, all) => {
    if (item.dataset.key) return;
    if (isOpen(item)) moveTo(all[all.indexOf(item) + 1]);
    else setOpen(item, true);
  },
  ArrowLeft: (item) => {
    if (!item.dataset.key && isOpen(item)) setOpen(item, false);
    else moveTo(above(item));
  },
  Home: (item, all) => moveTo(all[0]),
  End: (item, all) => moveTo(all.at(-1)),
  Enter: act,
  " ": act,
};

tree.addEventListener("keydown", (event) => {
  const item = event.target.closest("[role=treeitem]");
  if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
  if (keys[event.key]) keys[event.key](item, shown());
  else if (event.key.length === 1) typeAhead(event.key, item);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

tree.addEventListener("click", (event) => {
  const item = event.target.closest(".row")?.parentElement;
  if (!item) return;
  moveTo(item);
  act(item);
});

// A preference is found when each word of the query begins a word of its keywords, its place or its description.
const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];
const vocabulary = new Map(leaves.map((leaf) => [leaf, wordsOf(`${leaf.textContent} ${leaf.dataset.place}`)]));
let openBefore = null;

search.addEventListener("input", () => {
  const wanted = wordsOf(search.value);
  if (wanted.length && !openBefore) openBefore = items.filter(isOpen);
  let count = 0;
  for (const leaf of leaves) {
    const words = vocabulary.get(leaf);
    leaf.hidden = !wanted.every((start) => words.some((word) => word.startsWith(start)));
    if (!leaf.hidden) count += 1;
  }
  for (const branch of items.filter((item) => !item.dataset.key)) {
    branch.hidden = !branch.querySelector(".leaf:not([hidden])");
    setOpen(branch, wanted.length ? !branch.hidden : (openBefore || []).includes(branch));
  }
  if (!wanted.length) openBefore = null;
  found.textContent = wanted.length ? (count === 1 ? "1 preference found" : `${count} preferences found`) : "";
  const all = shown();
  if (!all.some((item) => item.tabIndex === 0))
    for (const item of items) item.tabIndex = item === all[0] ? 0 : -1; // Tab still leads into the tree
});

search.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "Enter") return;
  event.preventDefault();
  moveTo(shown().find((item) => !search.value || item.dataset.key));
});

const paint = () => {
  const taken = new Set(props.value || []);
  for (const leaf of leaves) leaf.setAttribute("aria-selected", taken.has(leaf.dataset.key));
  for (const dimension of tree.querySelectorAll(".dimension")) {
    const here = leaves.filter((leaf) => dimension.contains(leaf) && taken.has(leaf.dataset.key));
    dimension.querySelector(".taken-here").textContent = here.map(label).join(" · ");
  }
};
watch("value", paint);
paint();
