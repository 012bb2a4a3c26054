import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of configuration files that goes away when disposed of. */
export class ConfigDirectory implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async with(files: Readonly<Record<string, string>>): Promise<ConfigDirectory> {
    const directory = new ConfigDirectory(await mkdtemp(join(tmpdir(), 'gateway-config-')));
    for (const [name, text] of Object.entries(files)) await directory.write(name, text);
    return directory;
  }

  async write(name: string, text: string): Promise<string> {
    const path = join(this.path, name);
    await writeFile(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
