import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { IntervalidateError } from "../errors.ts";

/** The file that items are read from. */
interface YamlFile {
  readonly text: string;
  lineOf(node: unknown, otherwise: number): number;
  resolve(node: unknown): unknown;
}

/** One value of a YAML file, and the line it stands on. */
export class Item {
  readonly line: number;
  readonly #node: unknown;
  readonly #value: unknown;
  readonly #file: YamlFile;

  constructor(node: unknown, line: number, file: YamlFile) {
    this.#node = node;
    this.#value = file.resolve(node);
    this.line = line;
    this.#file = file;
  }

  /** The value as the file has it, on one line. */
  get source(): string {
    const range = (this.#node as Node | null)?.range;
    return range ? this.#file.text.slice(range[0], range[1]).replaceAll(/\s+/g, " ").trim() : "";
  }

  get isMap(): boolean {
    return isMap(this.#value);
  }

  get isList(): boolean {
    return isSeq(this.#value);
  }

  /** The value of a scalar: text, a bigint, a boolean or null; undefined for maps and lists. */
  get scalar(): string | bigint | boolean | null | undefined {
    if (this.#value === null || this.#value === undefined) return null;
    if (!isScalar(this.#value)) return undefined;
    const { value } = this.#value;
    if (typeof value === "number") this.fail(`${value} is not an integer`);
    return (value ?? null) as string | bigint | boolean | null;
  }

  /** A scalar as the text that stands for it. */
  get text(): string {
    const { scalar } = this;
    if (typeof scalar === "string") return scalar;
    if (typeof scalar === "bigint" || typeof scalar === "boolean") return String(scalar);
    return this.fail("a text is wanted here");
  }

  /** A scalar that is a count. */
  get count(): number {
    const { scalar } = this;
    if (typeof scalar === "bigint" && scalar >= 0n && scalar <= 0xffffffffn) return Number(scalar);
    return this.fail("a count from 0 to 2^32 - 1 is wanted here");
  }

  get boolean(): boolean {
    const { scalar } = this;
    if (typeof scalar === "boolean") return scalar;
    return this.fail("true or false is wanted here");
  }

  /** The items of a list; anything else is a list of one. */
  get items(): Item[] {
    if (!isSeq(this.#value)) return [this];
    return this.#value.items.map((node) => this.#child(node, this.line));
  }

  /** The pairs of a map, in the order of the file. */
  get entries(): [name: string, value: Item][] {
    if (this.scalar === null) return [];
    if (!isMap(this.#value)) return this.fail("a map is wanted here");
    return this.#value.items.map(({ key, value }) => {
      const name = this.#child(key, this.line);
      return [name.text, this.#child(value, name.line)];
    });
  }

  /** Nothing at all, where this item stands. */
  get nothing(): Item {
    return this.#child(null, this.line);
  }

  /** The pairs of a map with keys that are known. */
  fields(known: readonly string[]): Map<string, Item> {
    const fields = new Map<string, Item>();
    for (const [name, value] of this.entries) {
      if (!known.includes(name)) value.failKey(name, known);
      fields.set(name, value);
    }
    return fields;
  }

  /** @throws {IntervalidateError} LITMUS with this line */
  fail(what: string): never {
    throw new IntervalidateError("LITMUS", `Line ${this.line}: ${what}.`, { line: this.line });
  }

  failKey(name: string, known: readonly string[]): never {
    return this.fail(`there is no "${name}" here; known are ${known.join(", ")}`);
  }

  #child(node: unknown, line: number): Item {
    return new Item(node, this.#file.lineOf(node, line), this.#file);
  }
}

/** @throws {IntervalidateError} LITMUS with the line if it is no YAML */
export function readYaml(text: string): Item {
  const lines = new LineCounter();
  const document = parseDocument(text, { intAsBigInt: true, lineCounter: lines });
  const lineOf = (node: unknown, otherwise: number): number => {
    const range = (node as Node | null | undefined)?.range;
    return range ? lines.linePos(range[0]).line : otherwise;
  };
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    const [message] = error.message.split(/ at line \d+/);
    throw new IntervalidateError("LITMUS", `Line ${line}: this is no YAML: ${message}.`, { line });
  }
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  return new Item(document.contents, 1, { text, lineOf, resolve });
}
