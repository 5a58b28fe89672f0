// The view of scopes: boxes that fold and unfold, laid out anew each time.

const MOST_BOXES = 400;

class ModuleView {
  constructor(graph, picture) {
    this.graph = graph;
    this.picture = picture;
    this.units = unitsOf(graph);
    this.open = new Set();
    this.find = new Map();
    const index = (unit) => (this.find.set(unit.key, unit), unit.children.forEach(index));
    index(this.units.root);
    this.openFirst();
    this.world = svg("g", { id: "world" });
    picture.replaceChildren(this.world);
    for (const name of ["viewBox", "width", "height"]) picture.removeAttribute(name);
    this.draw();
  }

  // At first those scopes are open that hold other scopes, outermost first, while there is room.
  openFirst() {
    let level = this.tops;
    let room = 40 - level.length;
    while (level.length) {
      const candidates = level.filter((unit) => unit.kind === "scope" && unit.children.some((child) => child.folds || child.path));
      const more = candidates.reduce((sum, unit) => sum + unit.children.length - 1, 0);
      if (!candidates.length || more > room) return;
      room -= more;
      candidates.forEach((unit) => this.open.add(unit.key));
      level = candidates.flatMap((unit) => unit.children);
    }
  }

  // The outermost boxes, those in panels among them.
  get tops() {
    return this.units.root.children.flatMap((unit) => (unit.kind === "panel" ? unit.children : [unit]));
  }

  draw() {
    this.scene = new Scene(this.graph, this.units, this.open);
    const painter = new Painter(this.graph);
    painter.scene = this.scene;
    this.world.replaceChildren(...painter.paint(this.scene));
    this.parts = painter.parts;
    this.wires = painter.wires;
  }

  get bounds() {
    return { x: 0, y: 0, w: this.scene.w, h: this.scene.h };
  }

  // The part that stands for a node: its own box, or the folded one around it.
  part(i) {
    const unit = this.scene.shown(i);
    return unit && this.parts.find((part) => part.unit === unit);
  }

  partOf(element) {
    const group = element.closest?.("[data-unit]");
    return group && this.parts.find((part) => part.element === group);
  }

  toggle(unit) {
    if (!unit.folds) return false;
    if (this.open.has(unit.key)) this.open.delete(unit.key);
    else this.open.add(unit.key);
    if (this.boxes() > MOST_BOXES) {
      this.open.delete(unit.key);
      return false;
    }
    this.draw();
    return true;
  }

  boxes() {
    const count = (unit) => (unit.kind === "panel" || (unit.folds && (unit.parent === null || this.open.has(unit.key))) ? unit.children.reduce((sum, child) => sum + count(child), 0) : 1);
    return count(this.units.root);
  }

  foldAll() {
    this.open.clear();
    this.draw();
  }

  // Unfolds the outermost scopes first; returns whether all were.
  unfoldAll() {
    let level = this.tops;
    while (level.length) {
      for (const unit of level.filter((one) => one.folds)) {
        this.open.add(unit.key);
        if (this.boxes() > MOST_BOXES) {
          this.open.delete(unit.key);
          this.draw();
          return false;
        }
      }
      level = level.flatMap((unit) => (this.open.has(unit.key) ? unit.children : []));
    }
    this.draw();
    return true;
  }

  // The folded scopes around a node.
  closedAround(i) {
    return this.units.home.get(i)?.around.filter((unit) => unit.parent && unit.folds && !this.open.has(unit.key)) ?? [];
  }
}
