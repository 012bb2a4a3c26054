import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** Log probabilities of a candidate or a piece of it; undefined where it has none. */
export function toLogprobs(value: JsonValue | undefined): JsonObject[] | undefined {
  if (!isJsonObject(value) || !Array.isArray(value['chosenCandidates'])) return undefined;
  const top = Array.isArray(value['topCandidates']) ? value['topCandidates'] : [];
  return value['chosenCandidates'].filter(isJsonObject).map((chosen, index) => {
    const place = top[index];
    const others = isJsonObject(place) && Array.isArray(place['candidates']) ? place['candidates'] : [];
    return { ...toToken(chosen), top_logprobs: others.filter(isJsonObject).map(toToken) };
  });
}

function toToken({ token, logProbability }: JsonObject): JsonObject {
  const text = typeof token === 'string' ? token : '';
  return {
    token: text,
    logprob: typeof logProbability === 'number' ? logProbability : 0,
    bytes: [...Buffer.from(text)],
  };
}
