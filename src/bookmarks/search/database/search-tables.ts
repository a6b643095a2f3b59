import type { Kysely, Transaction } from 'kysely';
import type { Queries, Tables } from '../../../database/index.js';

interface SearchDocumentsTable {
  readonly doc: number;
  bookmark_id: string;
  digest: string;
  created_at: number;
  modified_at: number;
}

interface SearchTermsTable {
  term: string;
  reversed: string;
}

interface SearchTables extends Tables {
  search_documents: SearchDocumentsTable;
  search_terms: SearchTermsTable;
}

/** Queries that also know the tables of full text, which only this folder reads. */
export type SearchQueries = Kysely<SearchTables> | Transaction<SearchTables>;

export function searchQueries(queries: Queries): SearchQueries {
  return queries as unknown as SearchQueries;
}
