// What bounds a trace, and what a report has to say when a bound was met.

export const MAX_STEPS = 40_000;
export const MAX_ROWS = 6_144;
export const MAX_WRITTEN = 4 * MAX_ROWS;
export const WINDOW = 192;
export const STRIDE = 144;

export const enum NotKnown {
  Truncated = 1,
  LeftOut = 2,
  StepsSpent = 4,
  UnknownJump = 8,
  UnknownDispatcher = 16,
  Proxy = 32,
  Delegation = 64,
  Named = 128,
}
