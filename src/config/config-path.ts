/** Path of a value as problems show it: `projects[0].limits["gemini-3.8-flash"].rpm`. */
export function fieldPath(...steps: readonly (string | number)[]): string {
  let path = '';
  for (const step of steps) path = childPath(path, step);
  return path;
}

/** Path of a value within the value at `parent`. */
export function childPath(parent: string, step: string | number): string {
  if (typeof step === 'number') return `${parent}[${step}]`;
  if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${parent}[${JSON.stringify(step)}]`;
  return parent === '' ? step : `${parent}.${step}`;
}

/** Name without case and separators: `DRAIN_TIMEOUT_MS` and `drainTimeoutMs` are the same. */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** The known name that `name` was probably meant to be, or undefined where none is near. */
function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = foldName(name);
  let nearest: string | undefined;
  let nearestDistance = Math.ceil(wanted.length * 0.4) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, foldName(candidate));
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** ` (did you mean "x"?)`, or nothing where no known name is near. */
export function suggestion(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
