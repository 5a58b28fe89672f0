// The page: puts the parts together, and says what the keys do.

const KEYS = [
  ["/", "search"], ["s", "start or leave the steps"], ["← →", "previous or next step; else move the graph"], ["Space", "play or pause the steps"],
  ["Home End", "first or last step"], ["Enter", "fold or unfold the focused box"], ["Shift+F  Shift+U", "fold or unfold everything"],
  ["a  d  p", "what comes before; what comes after; the path to another box"], ["+ −  0", "zoom; fit to the window (twice: all of it)"],
  ["t", "light or dark"], ["Tab  ↑ ↓", "from box to box; along the graph"], ["Esc", "back to the plain picture"],
];

class Page {
  constructor(data) {
    this.data = data;
    this.stage = byId("stage");
    this.shown = this.viewOf(0);
    this.camera = new Camera(this);
    this.details = new Details(this);
    this.trace = new Trace(this);
    this.search = new Search(this);
    this.steps = new Steps(this);
    this.legend();
    this.listen();
    this.use(0);
  }

  // A view with its own graph: the first stands in the page, others come with their picture.
  viewOf(number) {
    const { svg: text, ...data } = this.data.views[number];
    const graph = new Graph({ ...data, title: this.data.title });
    const picture = text ? document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true) : byId("picture");
    return { number, graph, view: graph.kind === "circuit" ? new CircuitView(graph, picture) : new ModuleView(graph, picture) };
  }

  get graph() {
    return this.shown.graph;
  }

  get view() {
    return this.shown.view;
  }

  use(number) {
    if (number !== this.shown.number) {
      const before = this.view.picture;
      this.others = { ...this.others, [this.shown.number]: this.shown };
      this.shown = this.others[number] ?? this.viewOf(number);
      before.replaceWith(this.view.picture);
    }
    const { classList } = document.documentElement;
    classList.toggle("circuit", this.graph.kind === "circuit");
    classList.toggle("boxes", Boolean(this.view.units));
    classList.toggle("folds", Boolean(this.view.units) || this.data.views.length > 1);
    this.chosen = [];
    this.trace.nodes = null;
    this.search.reset();
    this.steps.reset();
    this.details.clear();
    this.facts();
    this.camera.fit();
    this.mark();
  }

  say(words) {
    byId("said").textContent = words;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (byId("said").textContent = ""), 5000);
  }

  // Marks every piece of the picture by what is chosen, found, traced and known at this step.
  mark() {
    const { steps, trace, search } = this;
    const chosen = new Set(this.chosen);
    const found = new Set(search.found);
    const current = steps.on ? steps.list[steps.at] : null;
    for (const { element, nodes, frame } of this.view.parts) {
      const any = (test) => nodes.some(test);
      element.classList.toggle("chosen", !frame && any((i) => chosen.has(i)) && nodes.length === chosen.size);
      element.classList.toggle("match", !frame && any((i) => found.has(i)));
      element.classList.toggle("current", !frame && current !== null && nodes.includes(current.node));
      element.classList.toggle("dim", Boolean(trace.nodes) && !any((i) => trace.nodes.has(i)));
      element.classList.toggle("later", steps.on && !any((i) => steps.hasValue(i)));
      element.classList.toggle("no-grad", steps.on && this.graph.recorded && !nodes.some((i) => steps.passedAt.has(i) && steps.passedAt.get(i) <= steps.at));
    }
    for (const { element, uses } of this.view.wires) {
      element.classList.toggle("dim", Boolean(trace.nodes) && !uses.some((use) => trace.holds(use)));
      element.classList.toggle("traced", Boolean(trace.nodes) && uses.some((use) => trace.holds(use)));
      element.classList.toggle("no-value", steps.on && uses.length > 0 && !uses.every((use) => steps.hasValue(use.tensor)));
      element.classList.toggle("no-grad", steps.on && uses.length > 0 && !uses.every((use) => steps.hasGradient(use)));
      const into = current && uses.some((use) => use.user === current.node);
      const outof = current && uses.some((use) => use.tensor === current.node);
      element.classList.toggle("current", Boolean(into || outof));
    }
    this.stage.classList.toggle("stepping", steps.on);
    this.stage.classList.toggle("stepping-back", Boolean(current?.back));
    byId("play-steps").setAttribute("aria-pressed", steps.on);
  }

  choose(i, centred = false) {
    this.reveal(i);
    const part = this.view.part(i);
    this.chosen = [i];
    if (part) {
      this.details.show(part.nodes.length > 1 && !part.unit?.folds ? { ...part, nodes: [i] } : part);
      this.camera.show(part.element, centred);
    } else this.details.show({ nodes: [i] });
    this.trace.end(this.chosen);
    this.mark();
  }

  reveal(i) {
    const closed = this.view.closedAround(i);
    closed.forEach((unit) => this.view.open.add(unit.key));
    if (closed.length) this.redraw();
  }

  redraw() {
    this.view.draw();
    this.facts();
  }

  partOf(nodes) {
    return this.view.parts.find((part) => part.nodes.length === nodes.length && part.nodes[0] === nodes[0]) ?? { nodes };
  }

  // From a box to the nearest that uses it, or that it uses.
  follow(part, forward) {
    const inside = new Set(part.nodes);
    const near = part.nodes.flatMap((i) => (forward ? this.graph.users[i].map((use) => use.user) : this.graph.nodes[i].inputs));
    const next = near.map((i) => !inside.has(i) && this.view.part(i)).find(Boolean);
    if (next) next.element.focus({ focusVisible: true });
  }

  choosePart(part) {
    this.chosen = [...part.nodes];
    this.details.show(part);
    this.trace.end(this.chosen);
    this.mark();
  }

  toggle(unit) {
    const find = () => this.view.parts.find((part) => part.unit === unit)?.element;
    const focused = document.activeElement?.dataset?.unit === unit.key;
    let done = false;
    this.camera.hold(find, () => (done = this.view.toggle(unit)));
    this.say(done ? `${unit.name} ${this.view.open.has(unit.key) ? "unfolded" : "folded"}` : "Too many boxes: fold something first");
    this.facts();
    if (focused) find()?.focus({ preventScroll: true });
    if (done) this.choosePart(this.view.parts.find((part) => part.unit === unit));
    this.mark();
  }

  // The line under the heading: how much there is, and how many boxes show it.
  facts() {
    const { graph, view } = this;
    const operations = graph.nodes.filter((node) => node.op).length;
    const parameters = graph.nodes.filter((node, i) => graph.isParameter(i)).reduce((sum, node) => sum + node.size, 0);
    const results = graph.nodes.filter((node) => node.role === "result" && node.shape === "scalar" && node.value);
    const facts = [plural(operations, "operation"), ...results.slice(0, 3).map((node) => `${node.name} = ${node.value.exact ?? node.value.text}`)];
    if (parameters) facts.splice(1, 0, `${countText(parameters)} parameters`);
    if (view.units) facts[0] += ` shown in ${view.boxes()} boxes`;
    byId("facts").textContent = (graph.facts ?? facts).join("  ·  ");
  }

  all(unfold) {
    if (!this.view.units) {
      const number = unfold ? this.data.views.length - 1 : 0;
      if (number !== this.shown.number) this.use(number);
      return this.say(unfold ? "Composites unfolded" : "Composites folded");
    }
    const whole = unfold ? this.view.unfoldAll() : this.view.foldAll() ?? true;
    this.say(whole ? `Everything ${unfold ? "unfolded" : "folded"}` : `Unfolded as far as ${MOST_BOXES} boxes allow`);
    this.camera.fit();
    this.facts();
    this.mark();
  }

  listen() {
    const { stage, camera } = this;
    stage.addEventListener("click", (event) => this.click(event));
    stage.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "mouse") return;
      const part = this.view.partOf(event.target);
      const wire = part ? null : this.view.wires.find(({ element, uses }) => uses.length && element.contains(event.target));
      if (part) this.details.show(part);
      else if (wire) this.details.wire(wire.uses);
      else if (this.chosen.length) this.details.show(this.partOf(this.chosen));
      else this.details.clear();
    });
    stage.addEventListener("focusin", (event) => {
      const part = this.view.partOf(event.target);
      if (!part || !event.target.matches(":focus-visible")) return;
      this.details.show(part);
      camera.show(part.element);
    });
    document.addEventListener("keydown", (event) => this.key(event));
    byId("closer").addEventListener("click", () => camera.zoom(1.3));
    byId("further").addEventListener("click", () => camera.zoom(1 / 1.3));
    byId("fit").addEventListener("click", () => this.fit());
    byId("fold").addEventListener("click", () => this.all(false));
    byId("unfold").addEventListener("click", () => this.all(true));
    byId("play-steps").addEventListener("click", () => this.stepping());
    byId("tint").addEventListener("change", (event) => this.tint(event.target.value));
    byId("theme").addEventListener("click", () => this.theme());
    byId("help").addEventListener("click", () => this.help());
  }

  // Colours boxes by an amount, or not.
  tint(amount) {
    this.graph.tint = amount;
    this.redraw();
    this.mark();
  }

  fit() {
    this.camera.fit(this.camera.whole);
  }

  stepping() {
    if (this.steps.on) this.steps.stop();
    else this.steps.start();
  }

  click(event) {
    if (this.camera.moved || event.target.closest("button")) return;
    const part = this.view.partOf(event.target);
    if (!part) return this.plain();
    if (event.detail === 2 && this.unfolds(part)) return this.all(true);
    if (part.unit?.folds && (event.target.closest(".sign, .grip") || (!part.frame && event.detail === 2))) return this.toggle(part.unit);
    this.choosePart(part);
  }

  plain() {
    this.chosen = [];
    this.trace.clear();
    this.details.clear();
    this.mark();
  }

  theme() {
    const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  }

  help() {
    const keys = byId("keys");
    if (!keys.childElementCount) {
      const rows = KEYS.flatMap(([key, does]) => [html("dt", {}, key), html("dd", {}, does)]);
      keys.append(html("h2", {}, "Keys"), html("dl", {}, ...rows), html("button", { onclick: () => this.help() }, "Close"));
    }
    keys.hidden = !keys.hidden;
    byId("help").setAttribute("aria-expanded", !keys.hidden);
    (keys.hidden ? byId("help") : keys.querySelector("button")).focus();
  }

  escape() {
    if (!byId("keys").hidden) this.help();
    else if (this.steps.on) this.steps.stop();
    else this.plain();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input[type=search]");
    const sliding = event.target.matches("input[type=range]");
    const pressing = event.target.matches("button") && (event.key === " " || event.key === "Enter");
    if (typing || pressing || (sliding && event.key.startsWith("Arrow"))) return;
    const run = this.action(event);
    if (!run) return;
    event.preventDefault();
    run();
  }

  action(event) {
    const { steps, camera, trace } = this;
    const focused = this.view.partOf(event.target);
    const chosen = (run) => () => {
      if (focused) this.choosePart(focused);
      run();
    };
    const step = 60;
    const keys = {
      "/": () => byId("search").focus(),
      s: () => this.stepping(),
      t: () => this.theme(),
      "?": () => this.help(),
      Escape: () => this.escape(),
      F: () => this.all(false),
      U: () => this.all(true),
      a: chosen(() => trace.before()),
      d: chosen(() => trace.after()),
      p: chosen(() => trace.between()),
      "+": () => camera.zoom(1.3),
      "=": () => camera.zoom(1.3),
      "-": () => camera.zoom(1 / 1.3),
      0: () => this.fit(),
      Home: steps.on && (() => steps.go(0)),
      End: steps.on && (() => steps.go(steps.list.length - 1)),
      ArrowRight: () => (steps.on ? steps.move(1) : camera.pan(-step, 0)),
      ArrowLeft: () => (steps.on ? steps.move(-1) : camera.pan(step, 0)),
      ArrowUp: () => (focused ? this.follow(focused, false) : camera.pan(0, step)),
      ArrowDown: () => (focused ? this.follow(focused, true) : camera.pan(0, -step)),
      " ": focused ? () => this.enter(focused) : steps.on && (() => steps.play()),
      Enter: focused && (() => this.enter(focused)),
    };
    return keys[event.key];
  }

  // Whether a part is a composite that another view takes apart.
  unfolds(part) {
    return !this.view.units && this.data.views.length > 1 && part.nodes.some((i) => this.graph.nodes[i].composite);
  }

  enter(part) {
    if (this.unfolds(part)) this.all(true);
    else if (part.unit?.folds) this.toggle(part.unit);
    else this.choosePart(part);
  }

  legend() {
    const { graph } = this;
    const known = Object.keys(AMOUNTS).filter((name) => graph.nodes.some(AMOUNTS[name][0]));
    byId("tint").append(html("option", { value: "" }, "Colour: plain"), ...known.map((name) => html("option", { value: name }, `Colour: ${name}`)));
    if (graph.kind === "circuit" || !graph.recorded) return;
    const drawing = svg("svg", { viewBox: "0 0 560 22", width: 560, height: 22, role: "img", "aria-label": "The colours of gradient norms, from vanishing over near white to exploding" });
    const text = (x, words, anchor) => svg("text", { x, y: 15, class: "kind", "text-anchor": anchor }, words);
    const painter = new Painter(graph);
    drawing.append(text(98, "‖∇‖  vanishing", "end"));
    graph.scale.forEach(([power], k) => drawing.append(painter.chip({ value: 10 ** power }, normText(10 ** power), 104 + k * 40, 3, 40)));
    drawing.append(text(470, "exploding", "start"), painter.chip({ value: NaN }, "NaN", 526, 3, 32));
    byId("legend").append(drawing);
    byId("legend").hidden = false;
  }
}

inflated(byId("data").textContent).then((data) => {
  document.documentElement.classList.remove("plain");
  new Page(data);
  document.documentElement.classList.add("ready");
});
