/** `icon_uri` with every byte made lower case in the same way as what it is compared with. */
const ICON_NAME = [...Buffer.from('icon_uri')].map((byte) => byte | 0x20);
const ICON_LENGTHS: readonly number[] = ['icon'.length, 'icon_uri'.length];

/** Whether the name of an attribute, byte by byte, is ICON or ICON_URI. */
export class IconName {
  private length = 0;
  private isLike = false;

  start(byte: number): void {
    this.length = 0;
    this.isLike = true;
    this.add(byte);
  }

  add(byte: number): void {
    if (this.isLike && ICON_NAME[this.length] !== (byte | 0x20)) this.isLike = false;
    this.length += 1;
  }

  get isIcon(): boolean {
    return this.isLike && ICON_LENGTHS.includes(this.length);
  }
}
