/** Another process has the job by now, or its run is over: what this run wrote was refused. */
export class JobClaimLost extends Error {
  constructor(id: string) {
    super(`The claim on job ${id} is gone.`);
    this.name = 'JobClaimLost';
  }
}
