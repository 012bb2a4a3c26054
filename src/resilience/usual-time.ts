/** Weight that a round keeps with each one after it: a hundred count. */
const KEPT = 0.99;
/** Answers before which nothing is usual. */
const LEAST_ANSWERS = 50;

/** Sums over answers, enough for a line of least squares through them. */
export class AnswerTimes {
  answers = 0;
  /** Tokens of the longest. */
  longest = 0;
  tokens = 0;
  ms = 0;
  tokensSquared = 0;
  tokensMs = 0;

  observe(tokens: number, tookMs: number): void {
    this.answers += 1;
    this.longest = Math.max(this.longest, tokens);
    this.tokens += tokens;
    this.ms += tookMs;
    this.tokensSquared += tokens * tokens;
    this.tokensMs += tokens * tookMs;
  }

  /** Adds others, after so much of what was here is forgotten. */
  merge(others: AnswerTimes, kept: number, weight: number): void {
    this.answers = this.answers * kept + others.answers * weight;
    this.longest = Math.max(this.longest, others.longest);
    this.tokens = this.tokens * kept + others.tokens * weight;
    this.ms = this.ms * kept + others.ms * weight;
    this.tokensSquared = this.tokensSquared * kept + others.tokensSquared * weight;
    this.tokensMs = this.tokensMs * kept + others.tokensMs * weight;
  }
}

/** How long answers usually take, as so much and so much more for each token. */
export class UsualTime {
  readonly #seen = new AnswerTimes();

  /** Takes in a round of answers, by its weight: what is not usual at all shall not become so soon. */
  learn(round: AnswerTimes, weight: number): void {
    if (round.answers > 0) this.#seen.merge(round, KEPT, weight);
  }

  /** For an answer of so many tokens; undefined before enough, and such long ones, were seen. Never negative. */
  ofMs(tokens: number): number | undefined {
    const seen = this.#seen;
    if (seen.answers < LEAST_ANSWERS || tokens > seen.longest) return undefined;
    const spread = seen.answers * seen.tokensSquared - seen.tokens * seen.tokens;
    const slope = spread <= 0 ? 0 : (seen.answers * seen.tokensMs - seen.tokens * seen.ms) / spread;
    // Longer answers never take less; where they seem to, their length says nothing.
    const perTokenMs = Math.max(0, slope);
    const restMs = (seen.ms - perTokenMs * seen.tokens) / seen.answers;
    return Math.max(0, restMs + perTokenMs * tokens);
  }
}
