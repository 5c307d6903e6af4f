/** Reads typed values out of a parsed document; every error names the key's path and what is legal there. */

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(path: string, problem: string) {
    super(path === '' ? `configuration: ${problem}` : `configuration: ${path}: ${problem}`);
  }
}

type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string =>
  value === null ? 'nothing' : Array.isArray(value) ? 'a list'
    : isMapping(value) ? 'a section' : `${typeof value} ${JSON.stringify(value)}`;

export class ConfigReader {
  private readonly value: Mapping;
  private readonly path: string;
  private readonly asked = new Map<string, ConfigReader[]>();

  private constructor(value: Mapping, path: string) {
    this.value = value;
    this.path = path;
  }

  static of(document: unknown): ConfigReader {
    if (!isMapping(document)) throw new ConfigError('', `must be a YAML mapping, found ${kindOf(document)}`);
    return new ConfigReader(document, '');
  }

  pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  fail(key: string, problem: string): never {
    throw new ConfigError(this.pathOf(key), problem);
  }

  has(key: string): boolean {
    return this.value[key] !== undefined && this.value[key] !== null;
  }

  private take(key: string): unknown {
    if (!this.asked.has(key)) this.asked.set(key, []);
    return Object.hasOwn(this.value, key) ? this.value[key] : undefined;
  }

  private remember(key: string, child: ConfigReader): ConfigReader {
    this.asked.get(key)?.push(child);
    return child;
  }

  /** An absent section reads as an empty one: its keys then say what is missing. */
  section(key: string): ConfigReader {
    const value = this.take(key) ?? {};
    if (!isMapping(value)) this.fail(key, `must be a section, found ${kindOf(value)}`);
    return this.remember(key, new ConfigReader(value, this.pathOf(key)));
  }

  sections(key: string): readonly ConfigReader[] {
    const value = this.take(key) ?? [];
    if (!Array.isArray(value)) this.fail(key, `must be a list, found ${kindOf(value)}`);
    return value.map((each: unknown, index) => {
      const path = `${this.pathOf(key)}[${index}]`;
      if (!isMapping(each)) throw new ConfigError(path, `must be a section, found ${kindOf(each)}`);
      return this.remember(key, new ConfigReader(each, path));
    });
  }

  /** legal = what to tell the user; accepts = the test itself. fallback undefined = the key must be there. */
  text(key: string, legal: string, accepts: (text: string) => boolean, fallback?: string): string {
    const value = this.take(key) ?? fallback;
    if (value === undefined) this.fail(key, `is missing: ${legal}`);
    if (typeof value === 'number' || typeof value === 'boolean') {
      this.fail(key, `must be text, put ${value} in quotes: ${legal}`);
    }
    if (typeof value !== 'string' || !accepts(value)) this.fail(key, `must be ${legal}; found ${kindOf(value)}`);
    return value;
  }

  /** Like text, but nothing of what was found is ever shown. */
  secret(key: string, legal: string, accepts: (text: string) => boolean): string {
    const value = this.take(key);
    if (value === undefined || value === null) this.fail(key, `is missing: ${legal}`);
    if (typeof value !== 'string') this.fail(key, `must be text, put it in quotes: ${legal}`);
    if (!accepts(value)) this.fail(key, `must be ${legal}`);
    return value;
  }

  oneOf<T extends string>(key: string, words: readonly T[], fallback?: T): T {
    const accepts = (text: string): boolean => (words as readonly string[]).includes(text);
    return this.text(key, `one of ${words.join(', ')}`, accepts, fallback) as T;
  }

  integer(key: string, least: number, most: number, fallback?: number): number {
    const legal = `a whole number from ${least} to ${most}`;
    const value = this.take(key) ?? fallback;
    if (value === undefined) this.fail(key, `is missing: ${legal}`);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      this.fail(key, `must be ${legal}; found ${kindOf(value)}`);
    }
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.take(key) ?? fallback;
    if (typeof value !== 'boolean') this.fail(key, `must be true or false; found ${kindOf(value)}`);
    return value;
  }

  /** A non-empty list of different texts. */
  names(key: string, legal: string, accepts: (text: string) => boolean): readonly string[] {
    const value = this.take(key);
    if (!Array.isArray(value) || value.length === 0) {
      this.fail(key, `must be a list of at least one: ${legal}; found ${kindOf(value ?? null)}`);
    }
    value.forEach((each: unknown, index) => {
      if (typeof each === 'string' && accepts(each)) return;
      throw new ConfigError(`${this.pathOf(key)}[${index}]`, `must be ${legal}; found ${kindOf(each)}`);
    });
    const texts = value as string[];
    const twice = texts.find((each, index) => texts.indexOf(each) !== index);
    if (twice !== undefined) this.fail(key, `names "${twice}" twice`);
    return texts;
  }

  /** Paths of the keys nobody asked for, outermost first. */
  unread(): readonly string[] {
    return Object.keys(this.value).flatMap((key) => {
      const children = this.asked.get(key);
      return children === undefined ? [this.pathOf(key)] : children.flatMap((child) => child.unread());
    });
  }
}
