// The view of a picture as it was laid out, a circuit or a comparison, its pieces told by the names that it gives
// them.

class CircuitView {
  constructor(graph, picture) {
    this.graph = graph;
    this.picture = picture;
    this.parts = [];
    this.wires = [];
    const [, , w, h] = picture.getAttribute("viewBox").split(/[\s,]+/).map(Number);
    this.bounds = { x: 0, y: 0, w, h };
    this.world = svg("g", { id: "world" });
    this.world.append(...picture.childNodes);
    picture.append(this.world);
    for (const name of ["viewBox", "width", "height"]) picture.removeAttribute(name);
    for (const group of this.world.querySelectorAll("g.node, g.edge")) this.read(group);
    // Browsers would show these as tooltips over the page's own.
    for (const title of this.world.querySelectorAll("title")) title.remove();
    for (const link of this.world.querySelectorAll("a")) link.parentNode.replaceWith(...link.childNodes);
    this.world.querySelector("g.graph > text[font-weight=bold]")?.remove(); // the page has a heading
    this.parts.sort((a, b) => a.nodes[0] - b.nodes[0]);
    for (const { element } of this.parts) element.parentNode.append(element); // Tab goes from operands to users
  }

  read(group) {
    const name = group.querySelector("title").textContent;
    if (group.classList.contains("edge")) return this.readEdge(group, name);
    if (!this.graph.places && /^w\d/.test(name)) return this.wires.push({ element: group, uses: this.usesOf(name) });
    const i = this.nodeOf(name);
    if (i === undefined) return;
    if (!name.startsWith("p")) {
      const node = this.graph.nodes[i];
      group.setAttribute("tabindex", "0");
      group.setAttribute("role", "img");
      group.setAttribute("aria-label", [this.graph.label(i), node.op && node.name ? node.op : "", ...(node.rows ?? []), node.value?.text ?? node.shape].filter(Boolean).join(", "));
    }
    this.parts.push({ element: group, nodes: [i], point: name.startsWith("p") });
  }

  readEdge(group, name) {
    const ends = name.split("->").map((end) => end.replace(/:.*/, ""));
    const wire = ends.find((end) => end.startsWith("w"));
    const [tail, head] = ends.map((end) => this.graph.places?.[end]);
    if (wire) this.wires.push({ element: group, uses: this.usesOf(wire) });
    else if (head !== undefined) this.wires.push({ element: group, uses: this.graph.users[tail].filter((use) => use.user === head) });
  }

  nodeOf(name) {
    if (this.graph.places) return this.graph.places[name];
    const number = Number(name.match(/\d+/)?.[0]);
    if (/^[np]\d/.test(name)) return number;
    if (/^out\d/.test(name)) return this.graph.operations + number;
    return undefined;
  }

  // The uses that a wire serves: all of a trunk's, or those of the node where a branch ends.
  usesOf(wire) {
    this.heads ??= this.readHeads();
    const tensor = Number(wire.match(/^w(\d+)/)[1]);
    const all = this.graph.users[tensor];
    const head = this.heads.get(wire);
    return wire.includes("_") && head !== undefined ? all.filter((use) => use.user === head) : all;
  }

  readHeads() {
    const found = new Map();
    for (const title of this.world.querySelectorAll("g.edge > title")) {
      const ends = title.textContent.split("->").map((end) => end.replace(/:.*/, ""));
      const wire = ends.find((end) => end.startsWith("w"));
      const other = this.nodeOf(ends.find((end) => end !== wire) ?? "");
      if (wire && other !== undefined && other !== Number(wire.match(/\d+/)[0])) found.set(wire, other);
    }
    return found;
  }

  part(i) {
    return this.parts.find((part) => part.nodes[0] === i && !part.point);
  }

  partOf(element) {
    const group = element.closest?.("g.node");
    return group && this.parts.find((part) => part.element === group);
  }

  closedAround() {
    return [];
  }
}
