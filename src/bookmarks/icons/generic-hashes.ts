/** A picture that servers, panels and browsers show where a site has none of its own. */
export interface GenericHash {
  readonly name: string;
  /** Difference hash of the picture, see `difference-hash.ts`. */
  readonly hash: string;
}

/**
 * The table of known defaults; a new one is a line. Made from the drawings beside (`drawn-icons.fixture.ts`), at the
 * sizes that give another hash; the spec says when a line is missing or in the way of a drawn logo.
 */
export const GENERIC_HASHES: readonly GenericHash[] = [
  { name: 'empty page, 16 px', hash: '2623212121212923' },
  { name: 'empty page, 32 px', hash: '2623212121212123' },
  { name: 'empty page, 64 px', hash: '2623616161612123' },
  { name: 'written page, 16 px', hash: '2623210d25052923' },
  { name: 'written page, 32 px', hash: '2623210d25052123' },
  { name: 'written page, 64 px', hash: '2623210d05052123' },
  { name: 'broken picture, 16 px', hash: '0141b0b0d2930101' },
  { name: 'folder of a panel, 16 px', hash: '0018594141414100' },
  { name: 'ring, meridians, equator, 16 px', hash: '0f1390b2b290130f' },
  { name: 'ring, meridians, equator, 32 px', hash: '1717b2b2b2b21717' },
  { name: 'ring, meridians, equator, 64 px', hash: '1713b2b2b2b21317' },
  { name: 'thin grey, with axis and parallels, 16 px', hash: '0e1701aaaa01170e' },
  { name: 'thin grey, with axis and parallels, 32 px', hash: '0e1509aaaa09150e' },
  { name: 'thin grey, with axis and parallels, 64 px', hash: '0e1109aaaa09110e' },
  { name: 'parallels and no equator, 16 px', hash: '0e1755b2b255170e' },
  { name: 'two parallels and equator, bold, 16 px', hash: '0f3331b2b231330f' },
  { name: 'two parallels and equator, bold, 32 px', hash: '163331b2b2313316' },
  { name: 'two parallels and equator, bold, 64 px', hash: '173331b2b2313316' },
  { name: 'white lines on a blue disc, 16 px', hash: '122b555555552b12' },
  { name: 'cut-out lines in a grey disc, 32 px', hash: '3223555555552332' },
  { name: 'on white, bent parallels, 16 px', hash: '0e1303aaaa03130e' },
  { name: 'on white, bent parallels, 32 px', hash: '0e132baaaa2b130e' },
  { name: 'on white, bent parallels, 64 px', hash: '0e332baaaa2b330e' },
  { name: 'dark lines on a light blue disc, 16 px', hash: '0f158aaaaa8e150f' },
  { name: 'dark lines on a light blue disc, 32 px', hash: '0f15aaaaaaaa150f' },
];
