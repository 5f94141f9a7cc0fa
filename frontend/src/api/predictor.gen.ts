// Made by `make frontend-types` from openapi/predictor.json.
export interface paths {
    "/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The true label of a prediction */
        post: operations["feedback_feedback_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Phase, release and log of this server */
        get: operations["health_health_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Prometheus metrics */
        get: operations["metrics_metrics_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/predict": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The sentiment of one text
         * @description truncation of a text over the model's tokens: head, head_tail, window, error
         */
        post: operations["predict_predict_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** V2 metadata of a model */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The model's tensors */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["V2Metadata"];
                    };
                };
                /** @description No such model */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorAnswer"];
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
    "/v2/models/{name}/infer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** V2 inference; binary tensors are told by Inference-Header-Content-Length */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["V2Request"];
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["V2Answer"];
                    };
                };
                /** @description The request names its bad field */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorAnswer"];
                    };
                };
                /** @description The queue is full; Retry-After says when to ask again */
                429: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorAnswer"];
                    };
                };
                /** @description Not ready, or stopping */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorAnswer"];
                    };
                };
            };
        };
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
         * ErrorAnswer
         * @description What was wrong and what would be right.
         */
        ErrorAnswer: {
            /** Error */
            error: string;
        };
        /**
         * HealthAnswer
         * @description Phase, release and log of one server process; `requests` and `errors` count from its start.
         */
        HealthAnswer: {
            /** Errors */
            errors: number;
            log: components["schemas"]["WriterStats"];
            /** Model */
            model: string;
            /** Queue */
            queue: number;
            /** Release Id */
            release_id: string | null;
            /** Requests */
            requests: number;
            /**
             * Status
             * @enum {string}
             */
            status: "starting" | "ready" | "draining";
            /** Variant */
            variant: string | null;
            /** Version */
            version: string;
        };
        /**
         * PredictAnswer
         * @description The sentiment of a text; keep `prediction_id` to send feedback.
         */
        PredictAnswer: {
            /** Confidence */
            confidence: number;
            /**
             * Label
             * @enum {string}
             */
            label: "negative" | "positive";
            /** Prediction Id */
            prediction_id: string;
            /** Probabilities */
            probabilities?: {
                [key: string]: number;
            } | null;
            /** Release Id */
            release_id: string;
            /** Truncated */
            truncated: boolean;
        };
        /**
         * V2Answer
         * @description The tensors asked for; `model_version` is the release's id.
         */
        V2Answer: {
            /**
             * Id
             * @default null
             */
            id?: string | null;
            /** Model Name */
            model_name: string;
            /** Model Version */
            model_version: string;
            /** Outputs */
            outputs: components["schemas"]["V2Output"][];
        };
        /**
         * V2AskedOutput
         * @description An output by its name.
         */
        V2AskedOutput: {
            /** Name */
            name: string;
        };
        /**
         * V2Input
         * @description The model's one input, `text`.
         */
        V2Input: {
            /** Data */
            data: string[];
            /**
             * Datatype
             * @constant
             */
            datatype: "BYTES";
            /**
             * Name
             * @constant
             */
            name: "text";
            /** Shape */
            shape: number[];
        };
        /**
         * V2Metadata
         * @description What the model takes and gives.
         */
        V2Metadata: {
            /** Inputs */
            inputs: components["schemas"]["V2Tensor"][];
            /** Name */
            name: string;
            /** Outputs */
            outputs: components["schemas"]["V2Tensor"][];
            /** Platform */
            platform: string;
            /** Versions */
            versions: string[];
        };
        /**
         * V2Output
         * @description A tensor of the answer, its values flat in row-major order.
         */
        V2Output: {
            /** Data */
            data: (string | number | boolean)[];
            /** Datatype */
            datatype: string;
            /** Name */
            name: string;
            /** Shape */
            shape: number[];
        };
        /**
         * V2Request
         * @description Texts to judge; without `outputs` the answer holds label, confidence and probabilities.
         */
        V2Request: {
            /**
             * Id
             * @default null
             */
            id?: string | null;
            /** Inputs */
            inputs: components["schemas"]["V2Input"][];
            /**
             * Outputs
             * @default null
             */
            outputs?: components["schemas"]["V2AskedOutput"][] | null;
            /**
             * Parameters
             * @default null
             */
            parameters?: {
                [key: string]: string | number | boolean;
            } | null;
        };
        /**
         * V2Tensor
         * @description A tensor that the model takes or gives; -1 stands for any number.
         */
        V2Tensor: {
            /** Datatype */
            datatype: string;
            /** Name */
            name: string;
            /** Shape */
            shape: number[];
        };
        /**
         * WriterStats
         * @description Rows waiting in memory; rows written, spilled to the journal, replayed from it and lost since the start.
         *
         *     `mirrored_rows` and `mirrored_bytes` were copied to SPILL_URI since the start, `mirror_failures` counts tries that
         *     failed, `adopted` rows of pods that are gone which this one brought to the database.
         */
        WriterStats: {
            /**
             * Adopted
             * @default 0
             */
            adopted?: number;
            /** Database Up */
            database_up: boolean;
            /** Journal Bytes */
            journal_bytes: number;
            /** Journal Rows */
            journal_rows: number;
            /** Last Error */
            last_error: string | null;
            /** Last Write */
            last_write: string | null;
            /** Lost */
            lost: number;
            /**
             * Mirror Failures
             * @default 0
             */
            mirror_failures?: number;
            /**
             * Mirrored Bytes
             * @default 0
             */
            mirrored_bytes?: number;
            /**
             * Mirrored Rows
             * @default 0
             */
            mirrored_rows?: number;
            /** Queued */
            queued: number;
            /** Replayed */
            replayed: number;
            /** Spilled */
            spilled: number;
            /** Written */
            written: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    feedback_feedback_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Label
                     * @enum {string}
                     */
                    label: "negative" | "positive";
                    /** Prediction Id */
                    prediction_id: string;
                    /** Who */
                    who?: string | null;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
        };
    };
    health_health_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthAnswer"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthAnswer"];
                };
            };
        };
    };
    metrics_metrics_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    predict_predict_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Return Probabilities
                     * @default false
                     */
                    return_probabilities?: boolean;
                    /** Text */
                    text: string;
                    /** Truncation */
                    truncation?: ("head" | "head_tail" | "window" | "error") | null;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PredictAnswer"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
        };
    };
}
