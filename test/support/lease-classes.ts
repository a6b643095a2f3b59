import type { ImageMemoryManager, LeaseClass } from '../../src/image-memory/index.js';

/** The classes of all leases that are asked for from now on, in order; the list grows as they are. */
export function leaseClassesOf(memory: ImageMemoryManager): readonly LeaseClass[] {
  const classes: LeaseClass[] = [];
  const { reserve, tryReserve } = memory;
  memory.reserve = (request) => {
    classes.push(request.class);
    return reserve.call(memory, request);
  };
  memory.tryReserve = (request) => {
    classes.push(request.class);
    return tryReserve.call(memory, request);
  };
  return classes;
}
