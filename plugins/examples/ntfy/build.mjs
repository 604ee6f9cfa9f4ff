// node build.mjs ntfy.wasm: makes the component of app.js and the world in build/wit.

import { writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: 'app.js',
  witPath: 'build/wit',
  worldName: 'http',
});
await writeFile(process.argv[2], component);
