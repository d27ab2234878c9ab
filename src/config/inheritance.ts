import { nearest } from './nearest.ts';
import type { OpenSection } from './parser.ts';
import type { Report } from './report.ts';
import type { Section, Setting } from './section.ts';

/** More merged sections than any real configuration has: references that multiply each other stop here. */
const MERGE_LIMIT = 100_000;
/** How long a chain of references may be. */
const CHAIN_LIMIT = 256;

/**
 * The tree with all references resolved. A section's own settings come first, then those of what it refers to,
 * left to right; an empty assignment (`key =`) clears what would be inherited. Sections that inherit from
 * themselves and names that lead nowhere are reported. Returns also the sections that others inherit from.
 */
export function resolveReferences(
  root: OpenSection,
  report: Report,
): { readonly root: Section; readonly templates: ReadonlySet<string> } {
  const resolver = new Resolver(root, report);
  return { root: resolver.section(root), templates: resolver.templates };
}

class Resolver {
  readonly #root: OpenSection;
  readonly #report: Report;
  readonly #done = new Map<OpenSection, Section>();
  readonly #open = new Set<OpenSection>();
  /** Top-level sections that something inherits from. */
  readonly templates = new Set<string>();
  #merges = 0;

  constructor(root: OpenSection, report: Report) {
    this.#root = root;
    this.#report = report;
  }

  section(source: OpenSection): Section {
    const done = this.#done.get(source);
    if (done !== undefined) return done;
    this.#open.add(source);
    const sections = new Map<string, Section>();
    for (const [name, inner] of source.sections) sections.set(name, this.section(inner));
    let result: Section = { name: source.name, at: source.at, settings: source.settings, sections };
    for (const reference of source.references) {
      const target = this.#find(reference.path);
      if (target === undefined) {
        const meant = nearest(reference.path, this.#root.sections.keys());
        this.#report.fail(
          'config/unknown-name',
          reference.at,
          `"${source.name}" inherits from "${reference.path}", which is no section`,
          meant === undefined
            ? 'name a section by its path from the top of the file'
            : `did you mean "${meant}"?`,
        );
      } else if (this.#open.has(target)) {
        this.#report.fail(
          'config/invalid-value',
          reference.at,
          `"${source.name}" inherits from "${reference.path}", which contains it or inherits from it`,
        );
      } else if (this.#open.size >= CHAIN_LIMIT) {
        this.#report.fail(
          'config/invalid-value',
          reference.at,
          'too many sections inherit from each other in a row',
        );
      } else result = this.#merge(result, this.section(target));
    }
    this.#open.delete(source);
    this.#done.set(source, result);
    return result;
  }

  /** `a.b.c` from the root; a doubled dot is a dot in a name. */
  #find(path: string): OpenSection | undefined {
    const names = path.split(/(?<!\.)\.(?!\.)/).map(name => name.replaceAll('..', '.'));
    let section: OpenSection | undefined = this.#root;
    for (const name of names) section = section?.sections.get(name);
    if (section !== undefined) this.templates.add(names[0] as string);
    return section;
  }

  #merge(own: Section, inherited: Section): Section {
    if (++this.#merges > MERGE_LIMIT) {
      if (this.#merges === MERGE_LIMIT + 1) {
        this.#report.fail(
          'config/invalid-value',
          own.at,
          'the references between sections multiply without end',
        );
      }
      return own;
    }
    const settings = new Map<string, Setting>(own.settings);
    for (const [key, setting] of inherited.settings) if (!settings.has(key)) settings.set(key, setting);
    const sections = new Map<string, Section>(own.sections);
    for (const [name, section] of inherited.sections) {
      const mine = sections.get(name);
      sections.set(name, mine === undefined ? section : this.#merge(mine, section));
    }
    return { name: own.name, at: own.at, settings, sections };
  }
}
