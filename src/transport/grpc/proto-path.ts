/**
 * Path of a request's field by the names of the proto file: `contents[0].inline_data` for `contents[0].inlineData`. Names
 * within `extra` are those of Gemini's JSON and stay.
 */
export function protoPath(path: string): string {
  const [typed = '', ...rest] = path.split(/(?<=(?:^|\.)extra)(?=\.|$)/);
  return [typed.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), ...rest].join('');
}
