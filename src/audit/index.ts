export { Auditor } from "./auditor.ts";
export { CATALOGUE, type CatalogueEntry } from "./catalogue.ts";
export type { AuditNote, ViolationId, ViolationReport } from "./report.ts";
