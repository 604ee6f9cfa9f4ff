// Reads every file of an upload and says how long it is.

import { read } from 'afterimage:action/files@0.1.0';
import { write } from 'afterimage:action/log@0.1.0';
import { json } from 'afterimage:action/settings@0.1.0';

// QuickJS has no console. Its lines go to the host's log.
const line = (level) => (...words) => write(level, words.map(String).join(' '), []);
globalThis.console ??= {
  debug: line('debug'),
  log: line('info'),
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
};

// Plain functions: the promise of an `async` one would be dropped.
export const handler = {
  check(draft) {
    if (draft.files.length === 0) throw { reason: 'invalid', message: 'nothing to deliver' };
    return 1;
  },

  // To have the host try again later:
  // throw { tag: 'retry', val: { afterSeconds: 60, reason: 'why' } };
  deliver(upload) {
    console.log('settings', json());
    const files = upload.files.map((file) => {
      let length = 0;
      for (let block = 0, bytes; (bytes = read(file.index, block)).length > 0; block++) {
        length += bytes.length;
      }
      return `${file.name} (${length} bytes)`;
    });
    return { summary: `read ${files.join(', ')} from ${upload.sender}`, links: [] };
  },
};
