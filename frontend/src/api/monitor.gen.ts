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
                /** @description A number that is not whole, or out of range */
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
                /** @description The report cannot be read at the moment */
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
                /** @description A number that is not whole, or out of range */
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
        /** Current state */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Current state */
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
         * @description A firing alert, from Alertmanager.
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
         * @description A release in full. `measured` is null without a reference, and `text` without a card text.
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
         * @description Drift checks, newest first.
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
         * @description Size of the log in bytes, and the rows of its tables (estimates on Postgres).
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
         * @description A row of `drift_reports`; the report of a check with a `report_uri` is at /api/drift/ID/report.
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
         * @description One test of a check. The difference matters from `effect_floor`, and is significant when `p_value` is not above
         *     `threshold`. Values that were NaN or infinite are null.
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
            /** @description Meaning of the result for the verdict. */
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
             * @description Effect in units of its floor; it matters from 1.
             */
            readonly size: number;
            /**
             * Threshold
             * @default null
             */
            threshold?: number | null;
            /**
             * Title
             * @description Title of the test.
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
         * @description Texts of a check's window that look newest; without texts, `withheld` holds the reason.
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
         * @description Share of right answers among the last day's predictions with a true label.
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
         * @description Number of predictions in the hour that starts at `hour` (UTC), and their average confidence.
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
         * @description Hours with predictions, oldest first.
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
         * @description State of a component's Jobs: Unix seconds of the last success and failure, the number of running pods, and
         *     whether the last finished Job failed.
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
         * @description Accuracy of the release on its reference: held-out rows that training has not seen.
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
         * @description Error message with a remedy.
         */
        Mistake: {
            /** Error */
            error: string;
        };
        /**
         * NewText
         * @description A logged text, cut after 600 characters; `novelty` above 1 is farther away than 95 % of the reference rows.
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
         * @description Texts of the last check's window that look new; null before the first check, and until they have been read.
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
         * @description A release in the store. `created` is ISO 8601 in UTC; `train_seconds` counts the optimiser's time.
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
         * @description The champion's card; null before the first promotion, and until the card has been read.
         */
        ReleaseCard: {
            card: components["schemas"]["Card"] | null;
        };
        /**
         * Releases
         * @description Releases and the audit trail of promotions, newest first.
         */
        Releases: {
            /** Promotions */
            promotions: components["schemas"]["Promotion"][];
            /** Releases */
            releases: components["schemas"]["Release"][];
        };
        /**
         * ReliabilityBin
         * @description Rows of similar confidence: their mean confidence, and the share of right answers.
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
         * @description Current state, and which of the monitor's sources can be read (`read_at`: Unix seconds of the last read).
         *
         *     `alerts` is null without an Alertmanager.
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
         * @description Predictions of the last 24 hours; the mean and the percentiles (milliseconds) are null without predictions.
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
