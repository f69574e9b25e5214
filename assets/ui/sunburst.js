// The sunburst: sectors are laid out once as shares of the circle; zooming maps the share of one sector onto all of it.
const TAU = 2 * Math.PI;
// Where the rings begin and end, by how deep the zoomed sector lies.
const RINGS = [[46, 88, 164, 194], [46, 108, 194], [46, 194]];
const POP = 8; // a taken preference stands out by so much
const svg = element.querySelector("svg");
const caption = element.querySelector(".caption");
const make = (name, parent) => parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));

let root, sectors, focus, centre, middle;
const layOut = (parent) => {
  const total = parent.children.reduce((sum, child) => sum + child.size, 0);
  let from = parent.from;
  for (const child of parent.children) {
    const to = from + ((parent.to - parent.from) * child.size) / total;
    const sector = { ...child, parent, depth: parent.depth + 1, from, to };
    sectors.push(sector);
    from = to;
    if (child.children) layOut(sector);
  }
};
let taken = new Set();

const target = (sector) => {
  const width = focus.to - focus.from;
  const turn = (share) => TAU * Math.min(1, Math.max(0, (share - focus.from) / width));
  const rings = RINGS[Math.min(focus.depth, RINGS.length - 1)];
  const level = sector.depth - focus.depth;
  const ring = (index) => rings[Math.min(Math.max(index, 0), rings.length - 1)];
  const pop = level > 0 && taken.has(sector.key) ? POP : 0;
  return [turn(sector.from), turn(sector.to), ring(level - 1), ring(level) + pop];
};

const at = (angle, radius) => [radius * Math.sin(angle), -radius * Math.cos(angle)].map((n) => n.toFixed(2)).join(" ");
const arc = (from, to, radius) =>
  `A ${radius} ${radius} 0 ${Math.abs(to - from) > Math.PI ? 1 : 0} ${to > from ? 1 : 0} ${at(to, radius)}`;
const outline = ([from, to, inner, outer]) => {
  const end = Math.min(to, from + TAU - 1e-3);
  return `M ${at(from, inner)} ${arc(from, end, inner)} L ${at(end, outer)} ${arc(end, from, outer)} Z`;
};

const wrapped = (text, most) => {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last && last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
};

const write = (text, lines, size) => {
  text.replaceChildren();
  text.style.fontSize = `${size}px`;
  lines.forEach((line, index) => {
    const span = make("tspan", text);
    span.setAttribute("x", 0);
    span.setAttribute("y", (index - (lines.length - 1) / 2) * size * 1.18);
    span.textContent = line;
  });
};

const LETTER = 0.54; // the width of an average letter, in font sizes
// A sector of the innermost ring has its name along its own curve, turned so that nobody reads it upside down.
const bend = (sector, [from, to, inner, outer]) => {
  const isBelow = Math.cos((from + to) / 2) < -1e-9;
  const radius = (inner + outer) / 2 + (isBelow ? 3.5 : -3.5);
  const [start, end] = isBelow ? [to, from] : [from, to];
  sector.curve.setAttribute("d", `M ${at(start, radius)} ${arc(start, end, radius)}`);
  const text = make("textPath", sector.text);
  text.setAttribute("href", `#${sector.curve.id}`);
  text.setAttribute("startOffset", "50%");
  text.textContent = sector.label;
  sector.text.style.fontSize = "9.5px";
  sector.text.style.dominantBaseline = "auto";
  sector.text.removeAttribute("transform");
};

const label = (sector) => {
  const [from, to, inner, outer] = target(sector);
  const middle = (from + to) / 2;
  const radius = (inner + outer) / 2;
  const length = radius * (to - from);
  const depth = outer - inner;
  sector.text.replaceChildren();
  if (depth < 4 || length < 10) return;
  if (sector.depth === 1) {
    if (sector.label.length * 9.5 * LETTER < length) bend(sector, [from, to, inner, outer]);
    return;
  }
  const isUpright = focus.depth === 2 || (focus.depth === 1 && sector.depth === 2);
  const size = focus.depth === 2 ? 11.5 : focus.depth === 1 ? 9.5 : 9;
  const room = isUpright ? Math.min(length * 0.8, depth * (focus.depth === 2 ? 0.72 : 1.5)) : depth - 8;
  const lines = wrapped(sector.label, Math.floor(room / (size * LETTER)));
  const widest = Math.max(...lines.map((line) => line.length)) * size * LETTER;
  const isFitting = widest <= room * 1.08 && lines.length * size * 1.15 <= (isUpright ? depth : length);
  if (!isFitting) return;
  write(sector.text, lines, size);
  const degrees = (middle * 360) / TAU;
  const turn = degrees > 180 ? 180 : 0;
  const place = `rotate(${degrees - 90}) translate(${radius} 0)`;
  sector.text.setAttribute("transform", isUpright ? `${place} rotate(${90 - degrees})` : `${place} rotate(${turn})`);
};

const tell = (sector) => {
  const name = sector.label || "All preferences";
  write(middle, wrapped(name, 13), 10);
  const hint = focus === root ? "Click a sector to look into it." : "Click the centre to go back.";
  caption.replaceChildren();
  const strong = document.createElement("strong");
  strong.textContent = sector === root ? "" : sector.label;
  caption.append(strong, sector === focus ? ` ${hint}` : ` ${sector.about || ""}`);
};

const draw = (sector, shape) => {
  sector.shape = shape;
  const isHidden = shape[1] - shape[0] < 1e-4 || shape[3] - shape[2] < 0.5;
  sector.path.setAttribute("d", isHidden ? "" : outline(shape));
};

let frame = 0;
const settle = () => {
  cancelAnimationFrame(frame);
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches || !svg.getClientRects().length;
  const start = performance.now();
  const moves = sectors.map((sector) => [sector, sector.shape || target(sector), target(sector)]);
  for (const sector of sectors) sector.text.replaceChildren();
  const step = (now) => {
    const time = isCalm ? 1 : Math.min(1, (now - start) / 420);
    const eased = 1 - (1 - time) ** 3;
    for (const [sector, from, to] of moves) draw(sector, from.map((n, i) => n + (to[i] - n) * eased));
    if (time < 1) frame = requestAnimationFrame(step);
    else sectors.forEach(label);
  };
  step(start);
};

const zoom = (sector) => {
  focus = sector;
  tell(focus);
  settle();
};

const act = (sector) => {
  if (sector.children) zoom(sector);
  else if (sector.key) trigger("select", { key: sector.key });
};

const actOnKey = (run) => (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  run();
};

const drawSector = (sector) => {
  const group = make("g", svg);
  group.setAttribute("class", `sector depth-${sector.depth} ${sector.dimension}`);
  group.setAttribute("tabindex", "-1");
  if (sector.key) group.dataset.key = sector.key;
  sector.group = group;
  sector.path = make("path", group);
  sector.text = make("text", group);
  if (sector.depth === 1) {
    sector.curve = make("path", make("defs", group));
    sector.curve.id = `${caption.parentElement.id}-curve-${sector.dimension}`;
  }
  group.addEventListener("click", () => act(sector));
  group.addEventListener("keydown", actOnKey(() => act(sector)));
  group.addEventListener("pointerenter", () => tell(sector));
  group.addEventListener("focus", () => tell(sector));
};

const build = () => {
  root = { depth: 0, from: 0, to: 1, label: "", children: props.sectors, about: "" };
  sectors = [];
  focus = root;
  layOut(root);
  svg.replaceChildren();
  centre = make("circle", svg);
  middle = make("text", svg);
  centre.setAttribute("r", 42);
  centre.setAttribute("class", "centre");
  middle.setAttribute("class", "middle");
  sectors.forEach(drawSector);
  centre.setAttribute("tabindex", "-1");
  centre.addEventListener("click", () => zoom(focus.parent || root));
  centre.addEventListener("keydown", actOnKey(() => zoom(focus.parent || root)));
  tell(root);
  paint();
};
svg.addEventListener("pointerleave", () => tell(focus));

const paint = () => {
  taken = new Set(props.value || []);
  for (const sector of sectors) sector.group.classList.toggle("taken", taken.has(sector.key));
  settle();
};
watch("value", paint);
watch("sectors", build);
build();
