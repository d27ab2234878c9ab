import {
  ConfigurationFailure,
  type ConfigurationWarning,
  formatRemark,
  type LocatedFailure,
  loadConfiguration,
} from '../config/index.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { now } from './clock.ts';

/** One thing to say about a configuration, as a line and in parts. */
export interface Remark {
  readonly text: string;
  readonly file: string;
  /** 0 for what concerns a file as a whole. */
  readonly line: number;
  readonly column: number;
  readonly code?: string;
  readonly summary: string;
  readonly remedy?: string;
}

/** Reads the configuration in `directory` and answers all that is wrong with it; starts nothing. */
export function checkConfiguration(directory: string): {
  readonly connections: readonly string[];
  readonly manual: readonly string[];
  readonly errors: readonly Remark[];
  readonly warnings: readonly Remark[];
} {
  try {
    const { connections, manual, warnings } = loadConfiguration(directory, {
      provider: nodeProvider(),
      now: now(),
    });
    return {
      connections: connections.map(({ name }) => name),
      manual: manual.map(({ name }) => name),
      errors: [],
      warnings: warnings.map(remark),
    };
  } catch (error) {
    if (!(error instanceof ConfigurationFailure)) throw error;
    return {
      connections: [],
      manual: [],
      errors: error.failures.map(remark),
      warnings: error.warnings.map(remark),
    };
  }
}

function remark(one: LocatedFailure | ConfigurationWarning): Remark {
  const { at, summary, remedy } = one;
  return {
    text: formatRemark(one),
    file: at.file,
    line: at.line,
    column: at.column,
    summary,
    ...('code' in one ? { code: one.code } : {}),
    ...(remedy === undefined ? {} : { remedy }),
  };
}
