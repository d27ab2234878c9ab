import type { Native } from './native.ts';

/** A descriptor in Node's event loop. */
export interface Watch {
  /** Before the descriptor itself is closed. */
  close(): void;
  /** Lets the process end although this still watches. */
  unref(): void;
  ref(): void;
}

/**
 * Calls `onReady` from the event loop whenever `fd` has something to read, or room to write (level-triggered: it is
 * called again until all was read). The foreign callback neither drains microtasks nor reports a throw: the empty immediate does
 * the first, the throwing one the second.
 */
export function watch(
  native: Native,
  fd: number,
  onReady: () => void,
  wanted: 'readable' | 'writable' = 'readable',
): Watch {
  let closed = false;
  const handle = native.koffi.node.poll(fd, { [wanted]: true }, () => {
    if (closed) return;
    try {
      onReady();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
    setImmediate(drainMicrotasks);
  });
  return {
    close: () => {
      if (closed) return;
      closed = true;
      handle.stop();
      handle.close();
    },
    unref: () => handle.unref(),
    ref: () => handle.ref(),
  };
}

function drainMicrotasks(): void {}
