// An answer, each token shaded by how much likelier the system message, or one part of it, made it. All texts come from
// models and people, so they are only ever set as text.
const box = element.querySelector(".explained");
const find = (selector) => box.querySelector(selector);
const steps = props.steps;
const make = (name, parent, className, text) => {
  const made = parent.appendChild(document.createElement(name));
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

const ratio = (nats) => {
  const times = Math.exp(Math.min(Math.abs(nats), 14));
  return times > 1e6 ? "over a million" : Number(times.toPrecision(2)).toLocaleString("en-US");
};
const said = (nats) =>
  Math.abs(nats) < 0.05 ? "as likely as without it" : `${ratio(nats)} times ${nats > 0 ? "more" : "less"} likely`;
const shade = (nats) => {
  const level = steps.filter((times) => Math.abs(nats) >= Math.log(times)).length;
  return level ? `${nats > 0 ? "up" : "down"} level-${level}` : "";
};

const drawLegend = () => {
  const legend = find(".legend");
  for (const [direction, word] of Object.entries({ up: "more", down: "less" })) {
    const row = make("p", legend, "hint", "The system message made such a word at least ");
    steps.forEach((times, index) => {
      make("span", row, `token ${direction} level-${index + 1}`, `${times} times`);
      row.append(" ");
    });
    row.append(`${word} likely.`);
  }
};

const draw = (index) => {
  const { tokens, layers } = props.value;
  const layer = layers[index];
  find(".said").textContent = layer.said;
  find(".token-said").textContent = "";
  const answer = find(".influenced");
  answer.replaceChildren();
  tokens.forEach((token, place) => {
    const nats = layer.influence[place];
    const span = make("span", answer, `token ${shade(nats)}`, token);
    span.dataset.said = span.title = said(nats);
  });
  const list = find(".phrases");
  list.replaceChildren();
  for (const phrase of layer.phrases) {
    const item = make("li", list);
    make("q", item, "", phrase.text);
    item.append(` ${phrase.said}`);
  }
  find("h3").hidden = !layer.phrases.length;
};

const paint = () => {
  const layers = props.value?.layers || [];
  box.hidden = !layers.length;
  const parts = find(".parts");
  parts.replaceChildren();
  layers.forEach((layer, index) => {
    const label = make("label", parts, `part ${layer.verdict}`);
    const choice = make("input", label);
    Object.assign(choice, { type: "radio", name: `part-${props.letter}`, checked: index === 0 });
    choice.addEventListener("change", () => draw(index));
    make("span", label, "", layer.name);
    if (layer.verdict) make("span", label, "verdict", layer.verdict);
  });
  if (layers.length) draw(0);
};

// A finger has no pointer to rest on a word: a tap says the same as the title.
find(".influenced").addEventListener("click", (event) => {
  const token = event.target.closest(".token");
  if (token) find(".token-said").textContent = `“${token.textContent.trim()}” is ${token.dataset.said}.`;
});

drawLegend();
watch("value", paint);
paint();
