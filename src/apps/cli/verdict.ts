/** How a verb ended when it did not fail: a finding, such as a drain that is not safe yet, is no exception. */
export interface Verdict {
  exitCode: number;
}
