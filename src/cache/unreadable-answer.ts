/** Why a stored value is no answer: damaged, for another key, or of a form that is not known. */
export class UnreadableAnswer extends Error {}
