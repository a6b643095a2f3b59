import { FIELD_BOOSTS, SEARCH_FIELDS } from '../search-fields.js';
import type { DocumentTable } from './document-table.js';
import { documentOf, FREQUENCY_PLACES } from './posting.js';

/** BM25+ with the parameters of MiniSearch. */
const K = 1.2;
const B = 0.7;
const D = 0.5;

const BOOSTS = SEARCH_FIELDS.map((field) => FIELD_BOOSTS[field]);

/** Scores the postings of one search, over the lengths of texts as they are at its beginning. */
export class TermScoring {
  private readonly averages: readonly number[];

  constructor(private readonly documents: DocumentTable) {
    this.averages = SEARCH_FIELDS.map((_, field) => Math.max(1, documents.averageLength(field)));
  }

  /**
   * What one posting of a term adds to the score of its document: BM25+ of each field by its boost, times how rare the
   * term is, times the weight of the match (whole, beginning, typo).
   */
  of(documentsWithTerm: number, weight: number): (posting: number) => number {
    const { documents, averages } = this;
    const without = Math.max(0, documents.count - documentsWithTerm + 0.5);
    const worth = weight * Math.log(1 + without / (documentsWithTerm + 0.5));
    return (posting) => {
      const document = documentOf(posting);
      let sum = 0;
      for (let field = 0; field < BOOSTS.length; field++) {
        const { shift, mask } = FREQUENCY_PLACES[field] as (typeof FREQUENCY_PLACES)[number];
        const frequency = (posting >>> shift) & mask;
        if (frequency === 0) continue;
        const length = documents.lengthOf(document, field) / (averages[field] as number);
        sum +=
          (BOOSTS[field] as number) * (D + (frequency * (K + 1)) / (frequency + K * (1 - B + B * length)));
      }
      return worth * sum;
    };
  }
}
