/**
 * Units of work, at most a millisecond each at a megapixel of output (measured with librsvg: 10 000 large
 * rectangles 1.2 s, 1000 layers 1.7 s, 20 Gaussian blurs 4.2 s).
 */
const ELEMENT_UNITS = 0.1;
const LAYER_UNITS = 2;
const PRIMITIVE_UNITS = 200;

/** A style sheet is not matched with elements: half of them count as hit by it. */
const SHEET_SHARE = 0.5;

/** Elements that are followed through references before the search gives up. */
const MAX_REFERENCE_DEPTH = 200;

/** What makes the renderer draw into a surface of its own. `fill-opacity` and its kind do not. */
const LAYER = /(?:^|[\s;{"])(?:opacity|filter|mask|clip-path|mix-blend-mode|isolation)\s*[:=]/;

interface Node {
  readonly units: number;
  readonly isLayer: boolean;
  readonly references: readonly string[];
  readonly children: Node[];
}

/** What drawing costs: `units` of work, and how many layers lie on top of each other at most. */
export interface SvgCost {
  readonly units: number;
  readonly layers: number;
}

/**
 * Counts what a drawing costs when every reference is followed as often as the renderer follows it: seven levels of
 * ten `use` are 600 bytes and ten million elements.
 */
export class SvgCostMeter {
  private readonly root: Node = { units: 0, isLayer: false, references: [], children: [] };
  private readonly open: Node[] = [this.root];
  private readonly byId = new Map<string, Node>();
  private sheetHasLayers = false;
  private readonly sheetReferences: string[] = [];
  private elements = 0;

  /** An element starts; `attributes` as they will be written. */
  begin(name: string, attributes: string): void {
    const references = [...attributes.matchAll(/(?:url\(\s*['"]?(?:&quot;)?|xlink:href=")#([\w.:-]+)/g)].map(
      (match) => match[1] ?? '',
    );
    const isLayer = LAYER.test(attributes);
    const units = ELEMENT_UNITS + (isLayer ? LAYER_UNITS : 0) + (name.startsWith('fe') ? PRIMITIVE_UNITS : 0);
    const node: Node = { units: name === 'filter' ? 0 : units, isLayer, references, children: [] };
    this.elements += 1;
    this.open.at(-1)?.children.push(node);
    this.open.push(node);
    const id = / id="([^"]*)"/.exec(attributes)?.[1];
    if (id !== undefined && !this.byId.has(id)) this.byId.set(id, node);
  }

  end(): void {
    this.open.pop();
  }

  /** A style sheet that stays. */
  sheet(css: string): void {
    this.sheetHasLayers ||= LAYER.test(css);
    this.sheetReferences.push(
      ...[...css.matchAll(/url\(\s*['"]?#([\w.:-]+)/g)].map((match) => match[1] ?? ''),
    );
  }

  /** The cost of the whole; `undefined` when references run too deep or in a circle. */
  total(): SvgCost | undefined {
    const known = new Map<Node, SvgCost>();
    const visit = (node: Node, depth: number): SvgCost | undefined => {
      const found = known.get(node);
      if (found !== undefined) return found;
      if (depth > MAX_REFERENCE_DEPTH) return undefined;
      let units = node.units + (this.sheetHasLayers ? SHEET_SHARE * LAYER_UNITS : 0);
      let layers = 0;
      const targets = node.references.map((id) => this.byId.get(id)).filter((target) => target !== undefined);
      for (const next of [...node.children, ...targets]) {
        const cost = visit(next, depth + 1);
        if (cost === undefined) return undefined;
        units += cost.units;
        layers = Math.max(layers, cost.layers);
      }
      const cost = { units, layers: layers + (node.isLayer ? 1 : this.sheetHasLayers ? SHEET_SHARE : 0) };
      known.set(node, cost);
      return cost;
    };
    const drawn = visit(this.root, 0);
    if (drawn === undefined) return undefined;
    const inSheet = this.sheetReferences
      .map((id) => this.byId.get(id))
      .filter((target) => target !== undefined);
    const extra = inSheet.reduce((sum, node) => sum + (visit(node, 0)?.units ?? 0), 0);
    return { units: drawn.units + SHEET_SHARE * this.elements * extra, layers: drawn.layers };
  }
}
