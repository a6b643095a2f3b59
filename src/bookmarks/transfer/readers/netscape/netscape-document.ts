import { LIMITS } from '../../../model/bookmark.js';
import type { ImportItem, ReadContext } from '../import-entry.js';
import { makeItem, makeProblem } from '../make-item.js';
import { readTime } from '../read-time.js';
import { Folders } from './folders.js';
import type { HtmlSink } from './html-tokens.js';
import { takeNotes } from './linkding-notes.js';
import { DROPPED_TAG } from './tag-output.js';

/** Attributes of A and H3 that mean something here, in lower case. */
export const NETSCAPE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'href',
  'add_date',
  'time_added',
  'last_modified',
  'tags',
  'private',
  'shared',
  'toread',
  'unread',
  'archived',
  'favourite',
  'feedurl',
  'shortcuturl',
  'description',
  'personal_toolbar_folder',
  'unfiled_bookmarks_folder',
]);

/** Attributes that no link in a description has. */
const BOOKMARK_ONLY = ['add_date', 'time_added', 'last_modified', 'tags'];
/** linkding keeps this mark among the tags. */
const ARCHIVED_TAG = 'linkding:bookmarks.archived';
/** Tag that stands for TOREAD and UNREAD, which have no field here. */
export const TO_READ_TAG = 'toread';
/** Gathered of a title or a description; what is more is cut and reported later. */
const MAX_TITLE_LENGTH = 4 * LIMITS.title;
const MAX_TEXT_LENGTH = LIMITS.description + LIMITS.note + 1_000;

interface Link {
  readonly line: number;
  readonly attributes: ReadonlyMap<string, string>;
  readonly folderPath: readonly string[];
  readonly archived: boolean;
  title: string;
  text: string | null;
}

type Capture = 'none' | 'title' | 'text' | 'folder' | 'heading' | 'folder-text';

const isOn = (value: string | undefined): boolean =>
  value !== undefined && /^(?:1|true|yes)$/i.test(value.trim());

/**
 * The grammar of bookmark files, as loose as the files are: nothing needs to be closed, a DL may stand anywhere, a DD
 * belongs to the link or folder before it and holds text only, links in it included.
 */
export class NetscapeDocument implements HtmlSink {
  private readonly items: ImportItem[] = [];
  private readonly folders = new Folders();
  private capture: Capture = 'none';
  private link: Link | null = null;
  /** The last heading whose list has not begun. */
  private pendingFolder: { name: string; special: boolean } | null = null;
  /** Pocket's file has two lists under `Unread` and `Read Archive`. */
  private heading = '';
  private ordinal = 0;

  constructor(private readonly context: ReadContext) {}

  get wantsText(): boolean {
    return this.capture !== 'none' && this.capture !== 'folder-text';
  }

  /** What has been found since the last call. */
  takeItems(): ImportItem[] {
    return this.items.splice(0);
  }

  end(isTruncated: boolean): ImportItem[] {
    this.finishLink();
    if (isTruncated) this.items.push(makeProblem((this.ordinal += 1), 'truncated'));
    return this.takeItems();
  }

  open(name: string, attributes: ReadonlyMap<string, string>, line: number): void {
    switch (name) {
      case 'a':
        this.openLink(attributes, line);
        break;
      case 'dd':
        this.openText();
        break;
      case 'h3':
        this.finishLink();
        this.capture = 'folder';
        this.pendingFolder = {
          name: '',
          special:
            isOn(attributes.get('personal_toolbar_folder')) ||
            isOn(attributes.get('unfiled_bookmarks_folder')),
        };
        break;
      case 'h1':
        this.finishLink();
        this.capture = 'heading';
        this.heading = '';
        break;
      case 'dl':
        this.finishLink();
        this.enterFolder();
        break;
      case 'dt':
      case 'hr':
      case 'li':
        this.finishLink();
        break;
      case DROPPED_TAG:
        this.finishLink();
        this.items.push(makeProblem((this.ordinal += 1), 'too-long', { line }));
        break;
      case 'br':
      case 'p':
        if (this.capture === 'text') this.text('\n');
        break;
      default:
    }
  }

  close(name: string): void {
    if (name === 'a' && this.capture === 'title') this.capture = 'none';
    else if (name === 'h3' && this.capture === 'folder') this.capture = 'none';
    else if (name === 'h1' && this.capture === 'heading') this.capture = 'none';
    else if (name === 'dd' && (this.capture === 'text' || this.capture === 'folder-text'))
      this.capture = 'none';
    else if (name === 'dl') {
      this.finishLink();
      this.pendingFolder = null;
      this.folders.leave();
    }
  }

  text(piece: string): void {
    if (this.capture === 'title' && this.link !== null) {
      if (this.link.title.length < MAX_TITLE_LENGTH) this.link.title += piece;
    } else if (this.capture === 'text' && this.link !== null) {
      const before = this.link.text ?? '';
      if (before.length < MAX_TEXT_LENGTH) this.link.text = before + piece;
    } else if (this.capture === 'folder' && this.pendingFolder !== null) {
      if (this.pendingFolder.name.length < MAX_TITLE_LENGTH) this.pendingFolder.name += piece;
    } else if (this.capture === 'heading' && this.heading.length < MAX_TITLE_LENGTH) this.heading += piece;
  }

  private openLink(attributes: ReadonlyMap<string, string>, line: number): void {
    const inText = this.capture === 'text' || this.capture === 'folder-text';
    if (inText && !BOOKMARK_ONLY.some((name) => attributes.has(name))) return;
    this.finishLink();
    this.pendingFolder = null;
    // an anchor that leads nowhere is none
    if (!attributes.has('href') && !BOOKMARK_ONLY.some((name) => attributes.has(name))) return;
    this.link = {
      line,
      attributes,
      folderPath: this.folders.path,
      archived: /^\s*read archive\s*$/i.test(this.heading),
      title: '',
      text: null,
    };
    this.capture = 'title';
  }

  private openText(): void {
    if (this.link === null) this.capture = 'folder-text';
    else {
      this.capture = 'text';
      if (this.link.text !== null) this.link.text += '\n';
    }
  }

  private enterFolder(): void {
    const folder = this.pendingFolder;
    this.folders.enter(
      folder === null || folder.special || folder.name.trim() === '' ? null : folder.name.trim(),
    );
    this.pendingFolder = null;
  }

  private finishLink(): void {
    const { link } = this;
    this.link = null;
    this.capture = 'none';
    if (link === null) return;
    const of = (name: string): string | undefined => link.attributes.get(name);
    const { description, note } = takeNotes(link.text ?? of('description') ?? '');
    const tags = splitTags(of('tags') ?? '', this.context.head);
    const isMarked = tags.includes(ARCHIVED_TAG);
    const isToRead = isOn(of('toread')) || isOn(of('unread'));
    this.items.push(
      makeItem((this.ordinal += 1), {
        line: link.line,
        url: of('href'),
        title: link.title,
        description,
        note,
        tags: [...tags.filter((tag) => tag !== ARCHIVED_TAG), ...(isToRead ? [TO_READ_TAG] : [])],
        createdAt:
          readTime(of('add_date') ?? of('time_added'), this.context.now) ??
          readTime(of('last_modified'), this.context.now),
        archived: link.archived || isMarked || isOn(of('archived')) || undefined,
        favourite: isOn(of('favourite')) || undefined,
        folderPath: link.folderPath,
        extra: extraOf(link.attributes),
      }),
    );
  }
}

/** Commas part tags, which may hold spaces; Shaarli's old files part them by spaces. */
function splitTags(text: string, head: string): string[] {
  const byComma = text.includes(',') || !/shaarli/i.test(head.slice(0, 4_096));
  return text
    .split(byComma ? ',' : /\s+/)
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

const EXTRA_NAMES = ['private', 'shared', 'feedurl', 'shortcuturl'];

function extraOf(attributes: ReadonlyMap<string, string>): Record<string, string> | undefined {
  const found = EXTRA_NAMES.flatMap((name) => {
    const value = attributes.get(name);
    return value === undefined || value === ''
      ? []
      : [[name, Buffer.from(value.slice(0, 500)).toString()] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
