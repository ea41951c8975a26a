/** Who does a job that only one of all replicas may do. */
export interface Leadership {
  /**
   * The number of this replica's term while it leads, else `undefined`. Every write of the job
   * carries it, and receivers refuse a lower one than they have seen: whoever was frozen between
   * asking and writing does no harm.
   */
  term(): number | undefined;
  /** The replica that leads as far as is known here; `""` for nobody. */
  readonly leader: string;
  /** Gives the term up, so that another one need not wait for its end. */
  close(): Promise<void>;
}

/** One value with a number that grows with each write, kept by a majority. */
export interface LeaseCell {
  /** `undefined` when nobody ever wrote. @throws Error when there is no answer */
  read(): Promise<{ readonly revision: number; readonly value: string } | undefined>;
  /**
   * @param previous the revision that must still be there, 0 for none.
   * @returns the new revision, or `undefined` when another one is there.
   * @throws Error when it is not known whether it was written
   */
  write(value: string, previous: number): Promise<number | undefined>;
  close(): Promise<void>;
}
