import { MAXIMUM_REPLAY_WINDOW } from '../../esp/replay-window.ts';
import type { BackendFeatures } from '../../policy/sa.ts';

/** What ESP in user space can do: everything travels in UDP, or over TCP, since raw ESP needs sockets that are not asked for. */
export function userspaceFeatures(modes: BackendFeatures['modes']): BackendFeatures {
  return {
    modes,
    protocols: ['esp'],
    esn: true,
    forceUdpEncapsulation: true,
    maximumReplayWindow: MAXIMUM_REPLAY_WINDOW,
    tcp: true,
  };
}
