import { type ProgramLimits, runProgram, SCRIPT_PATH } from './program.ts';

/** `swanctl --load-all` of a large tree takes its time. */
const LIMITS: ProgramLimits = { patience: 60_000, lines: 1000, lineLength: 1024 };

/**
 * Runs the commands of `start-scripts` or `stop-scripts` one after the other, as charon does, and tells what they print
 * and what goes wrong. Resolves when the last has ended; never rejects.
 */
export async function runScripts(
  commands: readonly string[],
  onLine: (text: string) => void,
  limits: Partial<ProgramLimits> = {},
): Promise<void> {
  for (const command of commands) {
    const failure = await runProgram(
      '/bin/sh',
      ['-c', command],
      { PATH: SCRIPT_PATH },
      text => onLine(`script: ${text}`),
      { ...LIMITS, ...limits },
    );
    if (failure !== undefined) onLine(`script '${command}' ${failure}`);
  }
}
