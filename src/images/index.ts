export { CLIENT_QUOTA, type ClientQuota } from './client-quota.js';
export { HitTable, type HitTableSnapshot, type PreparedHit } from './delivery/hit-table.js';
export { ImagesModule } from './images.module.js';
export { PARAMETERS, type ParameterDescription, type ParameterName } from './parameters/parameter-table.js';
export { StoreWriter, type StoreWriterSnapshot } from './sources/store-writer.js';
export { UnifiedImageService, type ImageAnswer } from './unified-image.service.js';
