import { Injectable } from '@nestjs/common';

/** Whether this instance is on its way out. Set once, by the shutdown; read by readiness and by the gate. */
@Injectable()
export class DrainState {
  private started = false;

  get isDraining(): boolean {
    return this.started;
  }

  begin(): void {
    this.started = true;
  }
}
