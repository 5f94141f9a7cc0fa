// Made by `make frontend-types` from openapi/monitor.json.
export interface paths {
    "/api/card": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The champion's card */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The champion's card */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ReleaseCard"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/drift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Drift checks */
        get: {
            parameters: {
                query?: {
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Drift checks */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Checks"];
                    };
                };
                /** @description A number that is none, or out of range */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Mistake"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/drift/examples": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Texts that look new to the release */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Texts that look new to the release */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NewTexts"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/drift/{id}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The HTML report of a check */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The page */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/html": string;
                    };
                };
                /** @description No such check, or it has no report */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Mistake"];
                    };
                };
                /** @description The report cannot be read now */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Mistake"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hourly": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Predictions by hour */
        get: {
            parameters: {
                query?: {
                    hours?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Predictions by hour */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Hours"];
                    };
                };
                /** @description A number that is none, or out of range */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Mistake"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/releases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Releases and promotions */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Releases and promotions */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Releases"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What runs now */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description What runs now */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Status"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Alert
         * @description An alert that fires, as Alertmanager tells it.
         */
        Alert: {
            /** Description */
            description: string;
            /** Name */
            name: string;
            /** Runbook */
            runbook: string | null;
            /** Severity */
            severity: string;
            /**
             * Since
             * Format: date-time
             */
            since: string;
            /** Summary */
            summary: string;
        };
        /**
         * Card
         * @description A release in full. `measured` and `text` are null where the release was published without.
         */
        Card: {
            /** Base Model */
            base_model: string;
            /**
             * Created
             * Format: date-time
             */
            created: string;
            /** Data Fingerprint */
            data_fingerprint: string;
            /** Decision Threshold */
            decision_threshold: number;
            /** Default Variant */
            default_variant: string;
            /** Facts */
            facts: {
                [key: string]: string | number | boolean | null;
            };
            /** Git Commit */
            git_commit: string | null;
            /** Id */
            id: string;
            /** Labels */
            labels: [
                string,
                string
            ];
            /** Max Tokens */
            max_tokens: number;
            measured: components["schemas"]["Measured"] | null;
            /** Metrics */
            metrics: {
                [key: string]: components["schemas"]["Interval"];
            };
            /** Mlflow Run Id */
            mlflow_run_id: string | null;
            /** Temperature */
            temperature: number;
            /** Text */
            text: string | null;
            /** Truncation */
            truncation: string;
            /** Variants */
            variants: components["schemas"]["Variant"][];
        };
        /**
         * Checks
         * @description Drift checks, the newest first.
         */
        Checks: {
            /** Checks */
            checks: components["schemas"]["DriftCheck"][];
        };
        /**
         * Confusion
         * @description Counts of the reference's rows by true label and answer.
         */
        Confusion: {
            /** False Negative */
            false_negative: number;
            /** False Positive */
            false_positive: number;
            /** True Negative */
            true_negative: number;
            /** True Positive */
            true_positive: number;
        };
        /**
         * Database
         * @description The log's size in bytes and the rows of its tables (estimates on Postgres).
         */
        Database: {
            /** Bytes */
            bytes: number;
            /** Rows */
            rows: {
                [key: string]: number;
            };
        };
        /**
         * DriftCheck
         * @description A row of `drift_reports`; the page of a check with a `report_uri` is at /api/drift/ID/report.
         */
        DriftCheck: {
            /**
             * Created
             * Format: date-time
             */
            created: string;
            /** Id */
            id: number;
            /** Reason */
            reason: string;
            /** Release Id */
            release_id: string;
            /** Report Uri */
            report_uri: string | null;
            /** Rows */
            rows: number;
            /** Statistics */
            statistics: components["schemas"]["DriftStatistic"][];
            /** Verdict */
            verdict: string;
            /**
             * Window End
             * Format: date-time
             */
            window_end: string;
            /**
             * Window Start
             * Format: date-time
             */
            window_start: string;
        };
        /**
         * DriftStatistic
         * @description One test of a check. The difference matters from `effect_floor` on and counts as no chance when `p_value` is not
         *     above `threshold`; None stands for what was not finite.
         */
        DriftStatistic: {
            /**
             * Effect
             * @default null
             */
            effect?: number | null;
            /**
             * Effect Floor
             * @default null
             */
            effect_floor?: number | null;
            /**
             * Family
             * @default null
             */
            family?: string | null;
            /**
             * N Reference
             * @default null
             */
            n_reference?: number | null;
            /**
             * N Window
             * @default null
             */
            n_window?: number | null;
            /** Name */
            name: string;
            /**
             * Note
             * @default null
             */
            note?: string | null;
            /** @description Meaning of the result for the verdict, derived here because rows of the log do not hold it. */
            readonly outcome: components["schemas"]["Outcome"];
            /**
             * P Adjusted
             * @default null
             */
            p_adjusted?: number | null;
            /**
             * P Value
             * @default null
             */
            p_value?: number | null;
            /**
             * Primary
             * @default false
             */
            primary?: boolean;
            /**
             * Size
             * @description The effect in units of its floor: it matters from 1 on.
             */
            readonly size: number;
            /**
             * Threshold
             * @default null
             */
            threshold?: number | null;
            /**
             * Title
             * @description The test's name for people.
             */
            readonly title: string;
            /**
             * Value
             * @default null
             */
            value?: number | null;
        };
        /**
         * Examples
         * @description The texts of a check's window that look newest. `withheld` says why there are none to show, where so.
         */
        Examples: {
            /** Check */
            check: number;
            /** Compared */
            compared: number;
            /** New Share */
            new_share: number | null;
            /** Release Id */
            release_id: string;
            /** Texts */
            texts: components["schemas"]["NewText"][];
            /** Withheld */
            withheld: string | null;
        };
        /**
         * FeedbackAccuracy
         * @description The share of right answers among the last day's predictions with a true label.
         */
        FeedbackAccuracy: {
            accuracy: components["schemas"]["Interval"];
            /** Release Id */
            release_id: string;
            /** Rows */
            rows: number;
        };
        /**
         * Hour
         * @description Predictions of one hour (its start, UTC) and their average confidence.
         */
        Hour: {
            /** Average Confidence */
            average_confidence: number;
            /**
             * Hour
             * Format: date-time
             */
            hour: string;
            /** Predictions */
            predictions: number;
        };
        /**
         * Hours
         * @description Hours with predictions, the oldest first.
         */
        Hours: {
            /** Hours */
            hours: components["schemas"]["Hour"][];
        };
        /**
         * Interval
         * @description A measured figure with the ends of its 95 % interval.
         */
        Interval: {
            /** High */
            high: number;
            /** Low */
            low: number;
            /** Value */
            value: number;
        };
        /**
         * JobState
         * @description A component's Jobs: Unix seconds of the newest end of each kind, how many run, whether the newest ended one
         *     failed.
         */
        JobState: {
            /**
             * Active
             * @default 0
             */
            active?: number;
            /** Component */
            component: string;
            /**
             * Failed
             * @default false
             */
            failed?: boolean;
            /**
             * Last Failure
             * @default null
             */
            last_failure?: number | null;
            /**
             * Last Success
             * @default null
             */
            last_success?: number | null;
        };
        /**
         * Measured
         * @description How the release answers its reference: rows that were held out, so training has not seen them.
         */
        Measured: {
            accuracy: components["schemas"]["Interval"];
            confusion: components["schemas"]["Confusion"];
            /** Reliability */
            reliability: components["schemas"]["ReliabilityBin"][];
            /** Rows */
            rows: number;
            /** Slices */
            slices: components["schemas"]["Slice"][];
        };
        /**
         * Mistake
         * @description What was wrong and what would be right.
         */
        Mistake: {
            /** Error */
            error: string;
        };
        /**
         * NewText
         * @description A logged text, cut after 600 characters; `novelty` above 1 is farther from the reference than 95 % of its own.
         */
        NewText: {
            /** Label */
            label: string;
            /** Novelty */
            novelty: number;
            /** Probability */
            probability: number;
            /** Text */
            text: string;
            /**
             * Time
             * Format: date-time
             */
            time: string;
        };
        /**
         * NewTexts
         * @description Texts of the last check's window that look new; null before the first check, or before they were read.
         */
        NewTexts: {
            examples: components["schemas"]["Examples"] | null;
        };
        /**
         * Outcome
         * @description Meaning of a test's result for the verdict; report, terminal and page all show these words.
         * @enum {string}
         */
        Outcome: "matters" | "side evidence" | "small" | "too small to matter" | "no difference";
        /**
         * Promotion
         * @description An entry of the audit trail.
         */
        Promotion: {
            /** Action */
            action: string;
            /** Id */
            id: string;
            /** Previous */
            previous: string | null;
            /** When */
            when: string;
            /** Who */
            who: string;
        };
        /**
         * Release
         * @description A release of the store. `created` is ISO 8601 in UTC, `train_seconds` those of the optimiser.
         */
        Release: {
            accuracy: components["schemas"]["Interval"] | null;
            /** Champion */
            champion: boolean;
            /**
             * Created
             * Format: date-time
             */
            created: string;
            /** Id */
            id: string;
            /** Train Seconds */
            train_seconds: number | null;
        };
        /**
         * ReleaseCard
         * @description The champion's card; null before the first promotion, or before it was read.
         */
        ReleaseCard: {
            card: components["schemas"]["Card"] | null;
        };
        /**
         * Releases
         * @description Releases and the audit trail of promotions, the newest first.
         */
        Releases: {
            /** Promotions */
            promotions: components["schemas"]["Promotion"][];
            /** Releases */
            releases: components["schemas"]["Release"][];
        };
        /**
         * ReliabilityBin
         * @description Rows of near-equal confidence: how sure the model was on average, and how often it was right.
         */
        ReliabilityBin: {
            accuracy: components["schemas"]["Interval"];
            /** Confidence */
            confidence: number;
            /** Rows */
            rows: number;
        };
        /**
         * Slice
         * @description Accuracy on a named part of the rows.
         */
        Slice: {
            accuracy: components["schemas"]["Interval"];
            /** Name */
            name: string;
            /** Rows */
            rows: number;
        };
        /**
         * Status
         * @description What runs, and whether the monitor's sources can be read (`read_at`: Unix seconds of each one's last reading).
         *
         *     `alerts` is null where no Alertmanager is asked.
         */
        Status: {
            /** Alerts */
            alerts: components["schemas"]["Alert"][] | null;
            /** Champion */
            champion: string | null;
            database: components["schemas"]["Database"] | null;
            feedback: components["schemas"]["FeedbackAccuracy"] | null;
            /** Jobs */
            jobs: components["schemas"]["JobState"][];
            last_check: components["schemas"]["DriftCheck"] | null;
            /** Read At */
            read_at: {
                [key: string]: number;
            };
            traffic: components["schemas"]["Traffic"] | null;
            /** Up */
            up: {
                [key: string]: boolean;
            };
        };
        /**
         * Traffic
         * @description The last 24 hours' predictions; means and percentiles (milliseconds) are null where there is none.
         */
        Traffic: {
            /** By Label */
            by_label: {
                [key: string]: number;
            };
            /** By Release */
            by_release: {
                [key: string]: number;
            };
            /** By Source */
            by_source: {
                [key: string]: number;
            };
            /** Mean Confidence */
            mean_confidence: number | null;
            /** P50 Ms */
            p50_ms: number | null;
            /** P95 Ms */
            p95_ms: number | null;
            /** P99 Ms */
            p99_ms: number | null;
            /** Predictions */
            predictions: number;
        };
        /**
         * Variant
         * @description One way to run the model.
         */
        Variant: {
            /** Kind */
            kind: string;
            /** Name */
            name: string;
            /** Precision */
            precision: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
