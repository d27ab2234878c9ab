import { flag, many, optional, record, text, texts, type ValueOf, word } from './shape.ts';

/** What `cygnet-plan` and `cygnet-apply` answer: what becomes of connections and children when a directory takes over. */
export const planShape = record({
  steps: many(
    record({
      action: word<'add' | 'change' | 'rekey' | 'replace' | 'drop'>(),
      connection: text,
      child: optional(text),
      /** `connection` is the name of a manual SA. */
      manual: optional(flag),
      /** The settings that differ. */
      keys: texts,
      /** Numbers of the live SAs that are made anew or dropped. */
      sas: texts,
    }),
  ),
  /** Whether secrets, private keys or certificates differ; no live SA depends on them. */
  secrets: flag,
});

export type Plan = ValueOf<typeof planShape>;
export type PlanStep = Plan['steps'][number];
