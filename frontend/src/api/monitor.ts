import type { components } from "./monitor.gen";

type Schemas = components["schemas"];
export type Status = Schemas["Status"];
export type Check = Schemas["DriftCheck"];
export type Statistic = Schemas["DriftStatistic"];
export type Hour = Schemas["Hour"];
export type Card = Schemas["Card"];
export type Measured = Schemas["Measured"];
export type Interval = Schemas["Interval"];
export type Examples = Schemas["Examples"];
export type Release = Schemas["Release"];
export type Promotion = Schemas["Promotion"];
export type Alert = Schemas["Alert"];

export const MONITOR = {
  status: "api/status",
  drift: "api/drift?limit=60",
  examples: "api/drift/examples",
  releases: "api/releases",
  hourly: "api/hourly?hours=24",
  card: "api/card",
};

/** The address of a check's report. */
export const reportOf = (check: Check): string => `api/drift/${check.id}/report`;
