export {
  OBJECT_KINDS,
  OBJECT_STORE,
  type ByteRange,
  type LocalObject,
  type ObjectInfo,
  type ObjectKey,
  type ObjectKind,
  type ObjectStore,
  type OpenObject,
  type PutOptions,
  type Spool,
  type StoreSnapshot,
  type WriteResult,
} from './object-store.js';
export { ObjectStorageModule } from './object-storage.module.js';
export { TransferGarbage } from './transfer-garbage.js';
