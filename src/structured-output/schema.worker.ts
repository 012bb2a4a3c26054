import { registerHooks } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type { SchemaJob, WORKER_READY } from './schema-job.js';

// Run from its source, as tests do, it finds its modules by their sources, too.
if (import.meta.url.endsWith('.ts'))
  registerHooks({
    resolve: (specifier, context, next) =>
      next(
        context.parentURL?.endsWith('.ts') && specifier.startsWith('.')
          ? specifier.replace(/\.js$/, '.ts')
          : specifier,
        context,
      ),
  });

const { SchemaDesk } = await import('./schema-desk.js');
const { unsoundness } = await import('./schema-validators.js');

const desk = new SchemaDesk();
// What the dialects' own rules cost to compile is spent before the first job's time runs.
unsoundness('draft2020-12', {});
unsoundness('draft7', {});
parentPort?.on('message', (job: SchemaJob) => parentPort?.postMessage(desk.answer(job), []));
parentPort?.postMessage('ready' satisfies typeof WORKER_READY, []);
