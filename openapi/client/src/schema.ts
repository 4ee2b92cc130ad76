// Generated from openapi/openapi.json by `npm run openapi`; do not edit.

export interface paths {
    "/generate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Generate images of a class
         * @description With `Accept: image/png`, `image/jpeg` or `image/webp` the response is the image itself: the request waits for it,
         *     and disconnecting cancels it. If it takes longer than the server lets a request wait, the response is 202 with the job.
         *     Otherwise the response is JSON: 202 with the job and its `Location` at once or, with `Prefer: wait=n`, the finished
         *     job if it ends within n seconds. Requests for several images are answered with JSON only.
         *
         *     The same request with the same `seed` gives the same image, byte for byte, regardless of the server's other work.
         *     With an `Idempotency-Key`, a request that is sent again finds the job that the first one created.
         */
        post: operations["generate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/edits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Edit an image: draw a part of it again, make it larger, or vary it
         * @description Everything outside the mask stays as it is, byte for byte. The image is PNG, JPEG or WebP, and of the model's size unless
         *     `fit` scales it. As JSON, `image` and `mask` are base64 or data URLs; in a form (`multipart/form-data`), they are files.
         *     All other fields are those of `POST /generate`, except that the images have the size of the uploaded one, or larger with
         *     `extend`. The response is the same, too.
         */
        post: operations["edit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's jobs, the newest first
         * @description Jobs that the caller has submitted and that have not expired, its newest thousand. On a server without API keys, a caller is a client address.
         */
        get: operations["listJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a job that has ended, with its images
         * @description The job is gone as if it had expired: all its addresses answer 410. A job that has not ended must be cancelled first.
         */
        delete: operations["deleteImages"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A job's state, and its images once it is completed */
        get: operations["getJob"];
        put?: never;
        post?: never;
        /**
         * Cancel a job
         * @description A waiting job is cancelled at once, a running one at its next step. A job that has ended stays as it is; the response states how it ended. Cancelling twice changes nothing.
         */
        delete: operations["cancelJob"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/images/{n}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One image of a completed job */
        get: operations["getImage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/images/{n}/image.png": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same image at an address that needs no API key, if its format is png
         * @description `POST /v1/images/generations` returns such addresses. On a server with API keys they are signed.
         */
        get: operations["getLinkedImage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/images/{n}/image.jpeg": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same image at an address that needs no API key, if its format is jpeg
         * @description `POST /v1/images/generations` returns such addresses. On a server with API keys they are signed.
         */
        get: operations["getLinkedJpeg"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/images/{n}/image.webp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same image at an address that needs no API key, if its format is webp
         * @description `POST /v1/images/generations` returns such addresses. On a server with API keys they are signed.
         */
        get: operations["getLinkedWebp"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A job's changes as they happen: server-sent events
         * @description Events are named after the job's states; their data is the job as in `GET /jobs/{id}`. `queued` is sent again when
         *     the position changes. `progress` has `{step, of}` over all images. With `?previews=true`, `preview` has
         *     `{index, step, of, content_type, base64}`: the unfinished image `index`, as often as the server can afford.
         *
         *     The stream carries the current state, not a history: slow readers skip to the latest. It ends after `completed`,
         *     `failed` or `cancelled`. A client that reconnects with `Last-Event-ID`, as browsers do by themselves, gets what is
         *     newer, or 204 if it had received the last event.
         */
        get: operations["watchJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All models */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/models/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One model: sizes, defaults and presets */
        get: operations["getModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/models/{id}/classes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A model's classes: all, or those that match a query */
        get: operations["listClasses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/generations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Generate images, in the shape of OpenAI's API
         * @description For OpenAI's clients and compatible ones. `prompt` names a class: by name, id or index, or as a text that contains
         *     class names, of which the longest counts. All other fields of `POST /generate` are supported as well. The response
         *     waits for the images; disconnecting cancels them. A value that OpenAI documents, but that can't be served exactly,
         *     is served as near as possible and reported in `adjusted`. Fields that OpenAI does not document are refused.
         */
        post: operations["createImage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/edits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Draw a part of an image again, in the shape of OpenAI's API
         * @description `POST /edits` for OpenAI's clients and compatible ones. `prompt` names the class of what is drawn: of several, the
         *     last counts. As JSON, `images` has one image, as `{image_url}` with a data URL, and so has `mask`. An image in the
         *     proportions of the model's images is scaled to their size; without a mask, the whole image is varied. `adjusted` says so.
         */
        post: operations["createImageEdit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/variations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Vary an image, in the shape of OpenAI's API
         * @description Samples a share of the image's tokens again: `strength`, 0.5 when absent.
         */
        post: operations["createImageVariation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All models and their aliases, in the shape of OpenAI's API */
        get: operations["listOpenAiModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One model, in the shape of OpenAI's API */
        get: operations["getOpenAiModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process is alive */
        get: operations["isLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests are served: the queue is reachable, a worker is live, and no shutdown has begun */
        get: operations["isReady"];
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
        /** Metrics in the text format of Prometheus */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The queue: waiting and running images of each model, totals of jobs and images, live workers */
        get: operations["getQueue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["getOpenApi"];
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
         * @description What to generate. Only `class` is required.
         * @example {
         *       "class": "star",
         *       "seed": 7
         *     }
         * @example {
         *       "class": null,
         *       "num_images": 4,
         *       "steps": 32,
         *       "guidance_scale": 2.5
         *     }
         */
        GenerateRequest: {
            /** @description Index, name or id of one of the model's classes (case-insensitive); null for none. */
            class: number | string | null;
            /** @description Random when absent; the response states it. */
            seed?: number;
            /** @description How many images to generate from the seed; 1 when absent. */
            num_images?: number;
            /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
            steps?: number;
            /** @description Classifier-free guidance; 1 is none. */
            guidance_scale?: number;
            /**
             * @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step.
             * @enum {string}
             */
            guidance_schedule?: "linear" | "constant";
            /** @description How many steps have guidance, from the first on. Absent: all. */
            guidance_steps?: number;
            /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
            temperature?: number;
            /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
            top_k?: number;
            /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
            top_p?: number;
            /** @description Diffusion steps per token. */
            diffusion_steps?: number;
            /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
            diffusion_steps_final?: number;
            /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
            max_timestep?: number;
            /**
             * @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200).
             * @enum {string}
             */
            order?: "random" | "raster" | "checkerboard" | "confidence";
            /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
            confidence_noise?: number;
            /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
            reconstruction_steps?: number;
            /**
             * @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama).
             * @enum {string}
             */
            sampler?: "ddpm" | "ddim" | "euler" | "heun" | "sde";
            /**
             * @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency.
             * @enum {string}
             */
            decoder?: "consistency" | "tokenizer";
            /** @description A preset of the model. Other fields override it. */
            preset?: string;
            /**
             * @description Chooses the model's fastest preset (low), its slowest (high), or the one in the middle (medium).
             * @enum {string}
             */
            quality?: "low" | "medium" | "high";
            /** @description The server's default model when absent. */
            model?: string;
            /**
             * @description What images are encoded as; png when absent, or what the `Accept` header asks for.
             * @enum {string}
             */
            output_format?: "png" | "jpeg" | "webp";
            /** @description Quality of a JPEG or WebP, as OpenAI names it: 0 for the smallest file, 100, when absent, for the best image. */
            output_compression?: number;
            /** @description Pixels. The image is generated in the model's size and scaled; `height` alone keeps its proportions. */
            width?: number;
            /** @description Pixels. `width` alone keeps the proportions of the model's size. */
            height?: number;
            /**
             * @description How images are scaled to `width` and `height`. smooth (when absent): Lanczos to smaller sizes, bicubic to larger ones. pixelated: whole multiples of the model's size, with sharp edges.
             * @enum {string}
             */
            scaling?: "smooth" | "pixelated";
            /**
             * @description The job's share while jobs of several priorities wait: of 13 images, 9 are high, 3 normal, 1 low; no priority starves. normal when absent.
             * @enum {string}
             */
            priority?: "low" | "normal" | "high";
            /** @description The job fails if it has not finished this many milliseconds after acceptance. */
            deadline_ms?: number;
            /** @description An https address to notify when the job ends; requests are signed as in Standard Webhooks. */
            webhook_url?: string;
            /**
             * @description Whether a finished job's JSON links to its images or contains them; link when absent.
             * @enum {string}
             */
            response_format?: "link" | "base64";
        };
        /** @description What to edit and how. Only `image` and `class` are required. */
        EditRequest: {
            /**
             * Format: byte
             * @description The image to edit: PNG, JPEG or WebP. Base64 or a data URL.
             */
            image: string;
            /**
             * Format: byte
             * @description What is drawn again, in an image of the same size: transparent pixels or, where it has none, light ones. When absent, the image's own transparent pixels count. Base64 or a data URL.
             */
            mask?: string;
            /** @description Whether the mask marks what stays, not what is drawn again; false when absent. */
            mask_invert?: boolean;
            /** @description Rings of tokens around the mask that are sampled again, too; 1 when absent. Pixels outside the mask stay. */
            mask_grow?: number;
            /** @description Pixels inside the mask's border over which the old image fades into the new one; 0 when absent. */
            feather?: number;
            /** @description Share of the masked tokens that are sampled again; 1 when absent. Without a mask, the whole image is masked: a variation. */
            strength?: number;
            /** @description Outpainting: one side, and by how many tokens the image grows there. */
            extend?: {
                /** @description Tokens. */
                left?: number;
                /** @description Tokens. */
                right?: number;
                /** @description Tokens. */
                top?: number;
                /** @description Tokens. */
                bottom?: number;
            };
            /**
             * @description How an image of another size is scaled to the model's: cropped, with new borders, or stretched. When absent, it is refused.
             * @enum {string}
             */
            fit?: "cover" | "contain" | "stretch";
            /** @description Index, name or id of one of the model's classes (case-insensitive); null for none. */
            class: number | string | null;
            /** @description Random when absent; the response states it. */
            seed?: number;
            /** @description How many images to generate from the seed; 1 when absent. */
            num_images?: number;
            /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
            steps?: number;
            /** @description Classifier-free guidance; 1 is none. */
            guidance_scale?: number;
            /**
             * @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step.
             * @enum {string}
             */
            guidance_schedule?: "linear" | "constant";
            /** @description How many steps have guidance, from the first on. Absent: all. */
            guidance_steps?: number;
            /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
            temperature?: number;
            /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
            top_k?: number;
            /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
            top_p?: number;
            /** @description Diffusion steps per token. */
            diffusion_steps?: number;
            /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
            diffusion_steps_final?: number;
            /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
            max_timestep?: number;
            /**
             * @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200).
             * @enum {string}
             */
            order?: "random" | "raster" | "checkerboard" | "confidence";
            /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
            confidence_noise?: number;
            /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
            reconstruction_steps?: number;
            /**
             * @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama).
             * @enum {string}
             */
            sampler?: "ddpm" | "ddim" | "euler" | "heun" | "sde";
            /**
             * @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency.
             * @enum {string}
             */
            decoder?: "consistency" | "tokenizer";
            /** @description A preset of the model. Other fields override it. */
            preset?: string;
            /**
             * @description Chooses the model's fastest preset (low), its slowest (high), or the one in the middle (medium).
             * @enum {string}
             */
            quality?: "low" | "medium" | "high";
            /** @description The server's default model when absent. */
            model?: string;
            /**
             * @description What images are encoded as; png when absent, or what the `Accept` header asks for.
             * @enum {string}
             */
            output_format?: "png" | "jpeg" | "webp";
            /** @description Quality of a JPEG or WebP, as OpenAI names it: 0 for the smallest file, 100, when absent, for the best image. */
            output_compression?: number;
            /**
             * @description The job's share while jobs of several priorities wait: of 13 images, 9 are high, 3 normal, 1 low; no priority starves. normal when absent.
             * @enum {string}
             */
            priority?: "low" | "normal" | "high";
            /** @description The job fails if it has not finished this many milliseconds after acceptance. */
            deadline_ms?: number;
            /** @description An https address to notify when the job ends; requests are signed as in Standard Webhooks. */
            webhook_url?: string;
            /**
             * @description Whether a finished job's JSON links to its images or contains them; link when absent.
             * @enum {string}
             */
            response_format?: "link" | "base64";
        };
        /** @description An accepted request and its results. */
        Job: {
            /** @description Identifies the job in addresses. */
            id: string;
            /**
             * @description completed, failed and cancelled are final.
             * @enum {string}
             */
            state: "queued" | "running" | "completed" | "failed" | "cancelled";
            /** @description The model that generates the images. */
            model: string;
            /** @description The parameters in effect: those of the request, then of the preset, then of the model. */
            parameters: {
                /** @description Class index, or null for an unconditional image. */
                class: number | null;
                /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
                steps: number;
                /** @description Classifier-free guidance; 1 is none. */
                guidance_scale: number;
                /**
                 * @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step.
                 * @enum {string}
                 */
                guidance_schedule?: "linear" | "constant";
                /** @description How many steps have guidance, from the first on. Absent: all. */
                guidance_steps?: number;
                /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
                temperature?: number;
                /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
                top_k?: number;
                /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
                top_p?: number;
                /** @description Diffusion steps per token. */
                diffusion_steps?: number;
                /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
                diffusion_steps_final?: number;
                /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
                max_timestep?: number;
                /**
                 * @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200).
                 * @enum {string}
                 */
                order?: "random" | "raster" | "checkerboard" | "confidence";
                /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
                confidence_noise?: number;
                /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
                reconstruction_steps?: number;
                /**
                 * @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama).
                 * @enum {string}
                 */
                sampler?: "ddpm" | "ddim" | "euler" | "heun" | "sde";
                /**
                 * @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency.
                 * @enum {string}
                 */
                decoder?: "consistency" | "tokenizer";
                /** @description The class's name. */
                class_name: string | null;
            };
            /** @description The request's seed, or a random one. The same seed gives the same images. */
            seed: number;
            /** @description Number of images. */
            num_images: number;
            /** @description The preset in effect, also if `quality` chose it. */
            preset?: string;
            /**
             * @description What images are encoded as; png when absent, or what the `Accept` header asks for.
             * @enum {string}
             */
            output_format: "png" | "jpeg" | "webp";
            /** @description Quality of a JPEG or WebP, as OpenAI names it: 0 for the smallest file, 100, when absent, for the best image. */
            output_compression?: number;
            /** @description The size that the model generates and the size of the images, if they differ. */
            scaled?: {
                from: {
                    width: number;
                    height: number;
                };
                to: {
                    /** @description Pixels. */
                    width: number;
                    /** @description Pixels. */
                    height: number;
                    /**
                     * @description How images are scaled to `width` and `height`. smooth (when absent): Lanczos to smaller sizes, bicubic to larger ones. pixelated: whole multiples of the model's size, with sharp edges.
                     * @enum {string}
                     */
                    scaling: "smooth" | "pixelated";
                };
            };
            /** @description How the images were made from an uploaded one; its window is in pixels. */
            edit?: {
                window: {
                    left: number;
                    top: number;
                };
                mask_grow: number;
                feather: number;
                strength: number;
            };
            /**
             * Format: date-time
             * @description When the request was accepted.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the first image started.
             */
            started_at?: string;
            /**
             * Format: date-time
             * @description When the job ended.
             */
            finished_at?: string;
            /**
             * Format: date-time
             * @description When the ended job and its images are deleted.
             */
            expires_at?: string;
            /** @description While queued: the number of images ahead. */
            position?: number;
            /** @description Autoregressive steps done and in total, over all images. */
            progress?: {
                step: number;
                of: number;
            };
            /** @description The images of a completed job; empty before. */
            images: {
                /** @description Images count from 0. */
                index: number;
                /**
                 * Format: uri-reference
                 * @description Address of its bytes.
                 */
                url: string;
                /** @description Pixels. */
                width: number;
                /** @description Pixels. */
                height: number;
                /** @description The bytes' media type, such as image/png. */
                content_type: string;
                timing: {
                    /** @description From acceptance until the image entered the engine. */
                    queue_ms: number;
                    /** @description In the engine, before the first step and between steps while it worked on other images. */
                    batch_wait_ms: number;
                    /** @description Transformer part of the image's steps: wall time of the whole batch. */
                    transformer_ms: number;
                    /** @description Diffusion part of the image's steps, including noise. */
                    diffusion_ms: number;
                    /** @description Latents to pixels; of an edit also its image to latents. */
                    decode_ms: number;
                    /** @description From pixels to the stored image. */
                    encode_ms: number;
                    /** @description From acceptance to the stored image. */
                    total_ms: number;
                    /** @description Mean number of images in the batch over the image's steps. */
                    batch_size: number;
                    /** @description Engine time, each step's divided by the number of images that shared it. */
                    ms_per_image: number;
                };
                /**
                 * Format: byte
                 * @description The bytes, with `response_format`: base64.
                 */
                base64?: string;
            }[];
            /** @description Timing of the image that finished last. */
            timing?: {
                /** @description From acceptance until the image entered the engine. */
                queue_ms: number;
                /** @description In the engine, before the first step and between steps while it worked on other images. */
                batch_wait_ms: number;
                /** @description Transformer part of the image's steps: wall time of the whole batch. */
                transformer_ms: number;
                /** @description Diffusion part of the image's steps, including noise. */
                diffusion_ms: number;
                /** @description Latents to pixels; of an edit also its image to latents. */
                decode_ms: number;
                /** @description From pixels to the stored image. */
                encode_ms: number;
                /** @description From acceptance to the stored image. */
                total_ms: number;
                /** @description Mean number of images in the batch over the image's steps. */
                batch_size: number;
                /** @description Engine time, each step's divided by the number of images that shared it. */
                ms_per_image: number;
            };
            /** @description Why it failed or was cancelled. */
            error?: {
                code: string;
                detail: string;
            };
            links: {
                /**
                 * Format: uri-reference
                 * @description This job.
                 */
                self: string;
                /**
                 * Format: uri-reference
                 * @description Its model.
                 */
                model: string;
            };
        };
        /** @description The data of a `progress` event. */
        ProgressEvent: {
            /** @description Autoregressive steps done, over all images. */
            step: number;
            /** @description Autoregressive steps in total. */
            of: number;
        };
        /** @description The data of a `preview` event: an unfinished image. */
        PreviewEvent: {
            /** @description Index of the image, from 0. */
            index: number;
            /** @description Autoregressive steps done. */
            step: number;
            /** @description Autoregressive steps in total. */
            of: number;
            /** @description The bytes' media type, such as image/png. */
            content_type: string;
            /**
             * Format: byte
             * @description The bytes.
             */
            base64: string;
        };
        /** @description A model and the parameters it supports. */
        Model: {
            /** @description The value for a request's `model`. */
            id: string;
            description?: string;
            /** @description Pixels. */
            image_width: number;
            /** @description Pixels. */
            image_height: number;
            /** @description How the model generates: mar, dit, sit, causal. */
            family: string;
            /** @description The sampling parameters that requests to the model may have, beside `class`. */
            parameters: string[];
            /** @description Smallest and largest possible `steps`. */
            step_bounds: {
                minimum: number;
                maximum: number;
            };
            /** @description Possible values of `sampler`, if it is one. */
            samplers?: string[];
            /** @description Possible values of `order`, if it is one. */
            orders?: string[];
            /** @description Tokens of one image. */
            token_count: number;
            /** @description Pixels of one token. */
            token_width: number;
            /** @description Pixels of one token. */
            token_height: number;
            /** @description Whether `POST /edits` can use the model: it has an encoder. */
            can_edit: boolean;
            /** @description Number of classes; `links.classes` lists them. */
            class_count: number;
            /** @description Precision of the weights. */
            precision: string;
            /** @description SHA-256 of graphs and weights: equal hashes give equal images. */
            hash: string;
            defaults: {
                /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
                steps: number;
                /** @description Classifier-free guidance; 1 is none. */
                guidance_scale: number;
                /**
                 * @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step.
                 * @enum {string}
                 */
                guidance_schedule?: "linear" | "constant";
                /** @description How many steps have guidance, from the first on. Absent: all. */
                guidance_steps?: number;
                /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
                temperature?: number;
                /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
                top_k?: number;
                /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
                top_p?: number;
                /** @description Diffusion steps per token. */
                diffusion_steps?: number;
                /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
                diffusion_steps_final?: number;
                /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
                max_timestep?: number;
                /**
                 * @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200).
                 * @enum {string}
                 */
                order?: "random" | "raster" | "checkerboard" | "confidence";
                /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
                confidence_noise?: number;
                /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
                reconstruction_steps?: number;
                /**
                 * @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama).
                 * @enum {string}
                 */
                sampler?: "ddpm" | "ddim" | "euler" | "heun" | "sde";
                /**
                 * @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency.
                 * @enum {string}
                 */
                decoder?: "consistency" | "tokenizer";
            };
            presets: {
                [key: string]: {
                    description: string;
                    parameters: {
                        /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
                        steps?: number;
                        /** @description Classifier-free guidance; 1 is none. */
                        guidance_scale?: number;
                        /**
                         * @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step.
                         * @enum {string}
                         */
                        guidance_schedule?: "linear" | "constant";
                        /** @description How many steps have guidance, from the first on. Absent: all. */
                        guidance_steps?: number;
                        /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
                        temperature?: number;
                        /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
                        top_k?: number;
                        /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
                        top_p?: number;
                        /** @description Diffusion steps per token. */
                        diffusion_steps?: number;
                        /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
                        diffusion_steps_final?: number;
                        /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
                        max_timestep?: number;
                        /**
                         * @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200).
                         * @enum {string}
                         */
                        order?: "random" | "raster" | "checkerboard" | "confidence";
                        /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
                        confidence_noise?: number;
                        /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
                        reconstruction_steps?: number;
                        /**
                         * @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama).
                         * @enum {string}
                         */
                        sampler?: "ddpm" | "ddim" | "euler" | "heun" | "sde";
                        /**
                         * @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency.
                         * @enum {string}
                         */
                        decoder?: "consistency" | "tokenizer";
                    };
                    /** @description What was measured of the preset's images. */
                    quality?: {
                        /** @description From the model's reference; lower is better. */
                        frechet_distance: number;
                        /** @description 95 % interval of the distance. */
                        frechet_interval?: number[];
                        /** @description Higher is better. */
                        inception_score?: number;
                        /** @description Share that looks real. */
                        precision?: number;
                        /** @description Share of the real that is covered. */
                        recall?: number;
                        /** @description How many were measured. */
                        images: number;
                        /** @description How much less processor time than `exact`, in full batches. */
                        speed?: number;
                    };
                };
            };
            /** @description The preset of requests that name none. */
            default_preset?: string;
            links: {
                self: string;
                classes: string;
            };
        };
        /**
         * @description A problem document (RFC 9457).
         * @example {
         *       "type": "urn:marimba:problem:invalid_request",
         *       "title": "The request is not valid",
         *       "status": 400,
         *       "detail": "The body is not valid: seed must be an integer from 0 to 9007199254740991, not \"7\".",
         *       "code": "invalid_request",
         *       "instance": "urn:marimba:request:3f0f3b0e-6b0c-4a1e-9a53-6f4f0c8f2f5e",
         *       "errors": [
         *         {
         *           "pointer": "/seed",
         *           "message": "must be an integer from 0 to 9007199254740991, not \"7\""
         *         }
         *       ]
         *     }
         */
        Problem: {
            /** @description Identifies the kind of problem: `urn:marimba:problem:` and the code. */
            type: string;
            /** @description The kind of problem, always in the same words. */
            title: string;
            /** @description The HTTP status. */
            status: number;
            /** @description What is wrong with this request, and what would be right. */
            detail: string;
            /**
             * @description The kind of problem, for programs: codes are stable.
             * @enum {string}
             */
            code: "invalid_request" | "malformed_json" | "unknown_class" | "unauthorized" | "forbidden" | "unknown_model" | "not_editable" | "unknown_preset" | "not_found" | "job_not_found" | "image_not_found" | "method_not_allowed" | "not_acceptable" | "request_timeout" | "idempotency_conflict" | "job_not_finished" | "job_failed" | "job_expired" | "job_lost" | "body_too_large" | "misdirected" | "unsupported_media_type" | "header_too_large" | "uri_too_long" | "queue_full" | "images_per_minute_exceeded" | "concurrent_images_exceeded" | "webhooks_backed_up" | "too_many_failures" | "job_cancelled" | "deadline_exceeded" | "generation_failed" | "internal" | "no_worker" | "queue_draining" | "too_many_streams" | "too_many_uploads" | "queue_unavailable" | "shutting_down";
            /** @description This occurrence: the request's id, as in the server's log. */
            instance: string;
            /** @description The wrong fields, if fields are wrong. */
            errors?: {
                /** @description JSON pointer (RFC 6901) to the wrong field. */
                pointer: string;
                /** @description What the field must be. */
                message: string;
            }[];
        };
        /**
         * @description An image request in the shape of OpenAI's API, with Marimba's own parameters added.
         * @example {
         *       "prompt": "star"
         *     }
         * @example {
         *       "prompt": "a little boat at sea",
         *       "n": 2,
         *       "seed": 7,
         *       "steps": 32,
         *       "guidance_scale": 2.5
         *     }
         */
        OpenAiImageRequest: {
            /** @description Names a class: its name, id or index, or a text that contains its name. */
            prompt: string;
            /** @description Whether to respond with events: partial images, then the images. */
            stream?: boolean | null;
            /** @description With `stream`: the maximum number of partial images; 0 when absent. */
            partial_images?: number | null;
            /** @description Images are always opaque. */
            background?: ("auto" | "opaque" | "transparent") | null;
            /** @description Has no effect. */
            moderation?: ("auto" | "low") | null;
            /** @description Has no effect. */
            input_fidelity?: ("high" | "low") | null;
            /** @description Has no effect. */
            complexity?: ("low" | "medium" | "high") | null;
            /** @description Has no effect: there is no GIF. */
            frame_count?: number | null;
            /** @description Has no effect: there is no GIF. */
            frame_duration_ms?: number | null;
            /** @description Number of images; 1 when absent. */
            n?: (number | string) | null;
            /** @description WIDTHxHEIGHT, such as 1024x1024, up to 2048 each: images are scaled to it. auto or absent: the model's own size. */
            size?: string | null;
            /** @description The images' bytes, or their temporary addresses; b64_json when absent, url for models named dall-e-2 or dall-e-3. */
            response_format?: ("b64_json" | "url") | null;
            /** @description What images are encoded as; png when absent, and for gif and svg. Partial images are always PNG. */
            output_format?: ("png" | "jpeg" | "webp" | "gif" | "svg") | null;
            /** @description Quality of a JPEG or WebP, from 0 to 100, when absent; PNG is lossless. */
            output_compression?: number | null;
            /** @description low and high (or hd, xhigh, max) choose the model's fastest and slowest preset, medium the one in the middle; `preset` overrides it. */
            quality?: ("auto" | "standard" | "hd" | "low" | "medium" | "high" | "xhigh" | "max") | null;
            /** @description Accepted, but neither used nor stored. */
            user?: string | null;
            /** @description Accepted, but neither used nor stored. */
            safety_identifier?: string | null;
            /** @description Random when absent; the response states it. */
            seed?: number | null;
            /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
            steps?: number | null;
            /** @description Classifier-free guidance; 1 is none. */
            guidance_scale?: number | null;
            /** @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step. */
            guidance_schedule?: ("linear" | "constant") | null;
            /** @description How many steps have guidance, from the first on. Absent: all. */
            guidance_steps?: number | null;
            /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
            temperature?: number | null;
            /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
            top_k?: number | null;
            /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
            top_p?: number | null;
            /** @description Diffusion steps per token. */
            diffusion_steps?: number | null;
            /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
            diffusion_steps_final?: number | null;
            /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
            max_timestep?: number | null;
            /** @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200). */
            order?: ("random" | "raster" | "checkerboard" | "confidence") | null;
            /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
            confidence_noise?: number | null;
            /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
            reconstruction_steps?: number | null;
            /** @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama). */
            sampler?: ("ddpm" | "ddim" | "euler" | "heun" | "sde") | null;
            /** @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency. */
            decoder?: ("consistency" | "tokenizer") | null;
            /** @description A preset of the model. Other fields override it. */
            preset?: string | null;
            /** @description How images are scaled to `width` and `height`. smooth (when absent): Lanczos to smaller sizes, bicubic to larger ones. pixelated: whole multiples of the model's size, with sharp edges. */
            scaling?: ("smooth" | "pixelated") | null;
            /** @description The job's share while jobs of several priorities wait: of 13 images, 9 are high, 3 normal, 1 low; no priority starves. normal when absent. */
            priority?: ("low" | "normal" | "high") | null;
            /** @description The job fails if it has not finished this many milliseconds after acceptance. */
            deadline_ms?: number | null;
            /** @description An https address to notify when the job ends; requests are signed as in Standard Webhooks. */
            webhook_url?: string | null;
            /** @description A model's id or alias, with or without a provider's prefix such as openai/. The server's default model when absent. */
            model?: string | null;
            /** @description Has no effect. */
            style?: ("vivid" | "natural") | null;
            /** @description Overrides the prompt. As in `POST /generate`, null means no class. */
            class?: number | string | null;
        };
        /** @description A form, or JSON, that asks for an edit in the shape of OpenAI's API, with Marimba's own parameters added. */
        OpenAiEditRequest: {
            /** @description The image to edit, also as `image[]`; of several, none is edited. Required in a form. */
            image?: string | string[];
            /** @description The one image to edit, as OpenAI's JSON names it. */
            images?: {
                /** @description A data URL; the server fetches no addresses. */
                image_url: string;
            }[];
            /** @description An image of the same size, whose transparent pixels are drawn again. When absent, those of the image; if it has none, the whole image is varied. */
            mask?: string | {
                /** @description A data URL; the server fetches no addresses. */
                image_url: string;
            } | null;
            /** @description Names a class: its name, id or index, or a text that contains its name. */
            prompt: string;
            /** @description Whether to respond with events: partial images, then the images. */
            stream?: boolean | null;
            /** @description With `stream`: the maximum number of partial images; 0 when absent. */
            partial_images?: number | null;
            /** @description Images are always opaque. */
            background?: ("auto" | "opaque" | "transparent") | null;
            /** @description Has no effect. */
            moderation?: ("auto" | "low") | null;
            /** @description Has no effect. */
            input_fidelity?: ("high" | "low") | null;
            /** @description Has no effect. */
            complexity?: ("low" | "medium" | "high") | null;
            /** @description Has no effect: there is no GIF. */
            frame_count?: number | null;
            /** @description Has no effect: there is no GIF. */
            frame_duration_ms?: number | null;
            /** @description Number of images; 1 when absent. */
            n?: (number | string) | null;
            /** @description WIDTHxHEIGHT, such as 1024x1024, up to 2048 each: images are scaled to it. auto or absent: the model's own size. */
            size?: string | null;
            /** @description The images' bytes, or their temporary addresses; b64_json when absent, url for models named dall-e-2 or dall-e-3. */
            response_format?: ("b64_json" | "url") | null;
            /** @description What images are encoded as; png when absent, and for gif and svg. Partial images are always PNG. */
            output_format?: ("png" | "jpeg" | "webp" | "gif" | "svg") | null;
            /** @description Quality of a JPEG or WebP, from 0 to 100, when absent; PNG is lossless. */
            output_compression?: number | null;
            /** @description low and high (or hd, xhigh, max) choose the model's fastest and slowest preset, medium the one in the middle; `preset` overrides it. */
            quality?: ("auto" | "standard" | "hd" | "low" | "medium" | "high" | "xhigh" | "max") | null;
            /** @description Accepted, but neither used nor stored. */
            user?: string | null;
            /** @description Accepted, but neither used nor stored. */
            safety_identifier?: string | null;
            /** @description Random when absent; the response states it. */
            seed?: number | null;
            /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
            steps?: number | null;
            /** @description Classifier-free guidance; 1 is none. */
            guidance_scale?: number | null;
            /** @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step. */
            guidance_schedule?: ("linear" | "constant") | null;
            /** @description How many steps have guidance, from the first on. Absent: all. */
            guidance_steps?: number | null;
            /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
            temperature?: number | null;
            /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
            top_k?: number | null;
            /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
            top_p?: number | null;
            /** @description Diffusion steps per token. */
            diffusion_steps?: number | null;
            /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
            diffusion_steps_final?: number | null;
            /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
            max_timestep?: number | null;
            /** @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200). */
            order?: ("random" | "raster" | "checkerboard" | "confidence") | null;
            /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
            confidence_noise?: number | null;
            /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
            reconstruction_steps?: number | null;
            /** @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama). */
            sampler?: ("ddpm" | "ddim" | "euler" | "heun" | "sde") | null;
            /** @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency. */
            decoder?: ("consistency" | "tokenizer") | null;
            /** @description A preset of the model. Other fields override it. */
            preset?: string | null;
            /** @description How images are scaled to `width` and `height`. smooth (when absent): Lanczos to smaller sizes, bicubic to larger ones. pixelated: whole multiples of the model's size, with sharp edges. */
            scaling?: ("smooth" | "pixelated") | null;
            /** @description The job's share while jobs of several priorities wait: of 13 images, 9 are high, 3 normal, 1 low; no priority starves. normal when absent. */
            priority?: ("low" | "normal" | "high") | null;
            /** @description The job fails if it has not finished this many milliseconds after acceptance. */
            deadline_ms?: number | null;
            /** @description An https address to notify when the job ends; requests are signed as in Standard Webhooks. */
            webhook_url?: string | null;
            /** @description A model's id or alias, with or without a provider's prefix such as openai/. The server's default model when absent. */
            model?: string | null;
            /** @description Overrides the prompt. As in `POST /generate`, null means no class. */
            class?: number | string | null;
            /** @description Whether the mask marks what stays, not what is drawn again; false when absent. */
            mask_invert?: boolean | null;
            /** @description Rings of tokens around the mask that are sampled again, too; 1 when absent. Pixels outside the mask stay. */
            mask_grow?: number | null;
            /** @description Pixels inside the mask's border over which the old image fades into the new one; 0 when absent. */
            feather?: number | null;
            /** @description Share of the masked tokens that are sampled again; 1 when absent. Without a mask, the whole image is masked: a variation. */
            strength?: number | null;
            /** @description How an image of another size is scaled to the model's: cropped, with new borders, or stretched. When absent, it is refused. */
            fit?: ("cover" | "contain" | "stretch") | null;
        };
        /** @description A form that asks for a variation in the shape of OpenAI's API, with Marimba's own parameters added. */
        OpenAiVariationRequest: {
            /** @description The image to vary: PNG, JPEG or WebP. */
            image: string;
            /** @description Number of images; 1 when absent. */
            n?: (number | string) | null;
            /** @description WIDTHxHEIGHT, such as 1024x1024, up to 2048 each: images are scaled to it. auto or absent: the model's own size. */
            size?: string | null;
            /** @description The images' bytes, or their temporary addresses; b64_json when absent, url for models named dall-e-2 or dall-e-3. */
            response_format?: ("b64_json" | "url") | null;
            /** @description What images are encoded as; png when absent, and for gif and svg. Partial images are always PNG. */
            output_format?: ("png" | "jpeg" | "webp" | "gif" | "svg") | null;
            /** @description Quality of a JPEG or WebP, from 0 to 100, when absent; PNG is lossless. */
            output_compression?: number | null;
            /** @description low and high (or hd, xhigh, max) choose the model's fastest and slowest preset, medium the one in the middle; `preset` overrides it. */
            quality?: ("auto" | "standard" | "hd" | "low" | "medium" | "high" | "xhigh" | "max") | null;
            /** @description Accepted, but neither used nor stored. */
            user?: string | null;
            /** @description Accepted, but neither used nor stored. */
            safety_identifier?: string | null;
            /** @description Random when absent; the response states it. */
            seed?: number | null;
            /** @description Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000. */
            steps?: number | null;
            /** @description Classifier-free guidance; 1 is none. */
            guidance_scale?: number | null;
            /** @description linear: guidance grows with the share of known tokens (Muse); constant: the same in every step. */
            guidance_schedule?: ("linear" | "constant") | null;
            /** @description How many steps have guidance, from the first on. Absent: all. */
            guidance_steps?: number | null;
            /** @description Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code. */
            temperature?: number | null;
            /** @description Only the k likeliest codes may be sampled. 0 or absent: all. */
            top_k?: number | null;
            /** @description Only the likeliest codes that together have this probability may be sampled. 1 or absent: all. */
            top_p?: number | null;
            /** @description Diffusion steps per token. */
            diffusion_steps?: number | null;
            /** @description Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all. */
            diffusion_steps_final?: number | null;
            /** @description Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler. */
            max_timestep?: number | null;
            /** @description Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200). */
            order?: ("random" | "raster" | "checkerboard" | "confidence") | null;
            /** @description With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5. */
            confidence_noise?: number | null;
            /** @description How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule. */
            reconstruction_steps?: number | null;
            /** @description Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama). */
            sampler?: ("ddpm" | "ddim" | "euler" | "heun" | "sde") | null;
            /** @description What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency. */
            decoder?: ("consistency" | "tokenizer") | null;
            /** @description A preset of the model. Other fields override it. */
            preset?: string | null;
            /** @description How images are scaled to `width` and `height`. smooth (when absent): Lanczos to smaller sizes, bicubic to larger ones. pixelated: whole multiples of the model's size, with sharp edges. */
            scaling?: ("smooth" | "pixelated") | null;
            /** @description The job's share while jobs of several priorities wait: of 13 images, 9 are high, 3 normal, 1 low; no priority starves. normal when absent. */
            priority?: ("low" | "normal" | "high") | null;
            /** @description The job fails if it has not finished this many milliseconds after acceptance. */
            deadline_ms?: number | null;
            /** @description An https address to notify when the job ends; requests are signed as in Standard Webhooks. */
            webhook_url?: string | null;
            /** @description A model's id or alias, with or without a provider's prefix such as openai/. The server's default model when absent. */
            model?: string | null;
            /** @description As in `POST /generate`; no class when absent. */
            class?: number | string | null;
            /** @description Share of the masked tokens that are sampled again; 1 when absent. Without a mask, the whole image is masked: a variation. */
            strength?: number | null;
            /** @description How an image of another size is scaled to the model's: cropped, with new borders, or stretched. When absent, it is refused. */
            fit?: ("cover" | "contain" | "stretch") | null;
        };
        /** @description The images of a request. */
        OpenAiImages: {
            /** @description When it was finished, as Unix time in seconds. */
            created: number;
            data: {
                /**
                 * Format: byte
                 * @description The bytes.
                 */
                b64_json?: string;
                /**
                 * Format: uri
                 * @description Temporary address of the bytes.
                 */
                url?: string;
                /** @description The name of the class. */
                revised_prompt?: string;
            }[];
            /** @enum {string} */
            background: "opaque";
            /**
             * @description What images are encoded as; png when absent, or what the `Accept` header asks for.
             * @enum {string}
             */
            output_format: "png" | "jpeg" | "webp";
            /** @enum {string} */
            quality: "auto" | "low" | "medium" | "high";
            /** @description Such as 256x256. */
            size: string;
            /** @description The model's preset that was used. */
            preset?: string;
            /** @description The model's size, if the images were scaled from it. */
            generated_size?: string;
            /** @description The fields that could not be served exactly, and how they were served. */
            adjusted?: {
                param: string;
                message: string;
            }[];
            /** @description A prompt only names a class, so it has no tokens; an image that is edited has. */
            usage: {
                input_tokens: number;
                /** @description Generated tokens: those of one image times the number of images. */
                output_tokens: number;
                total_tokens: number;
                input_tokens_details: {
                    image_tokens: number;
                    text_tokens: number;
                };
                output_tokens_details: {
                    image_tokens: number;
                    text_tokens: number;
                };
            };
        };
        /** @description An event of a streamed response. */
        OpenAiPartialImage: {
            /** @enum {string} */
            type: "image_generation.partial_image" | "image_edit.partial_image";
            /**
             * Format: byte
             * @description The unfinished image.
             */
            b64_json: string;
            /** @description Counts from 0, for each image. */
            partial_image_index: number;
            /** @description Which of the `n` images it is, from 0; not part of OpenAI's API. */
            image_index: number;
            /** @description When it was sent, as Unix time in seconds. */
            created_at: number;
            /** @enum {string} */
            background: "opaque";
            /**
             * @description What images are encoded as; png when absent, or what the `Accept` header asks for.
             * @enum {string}
             */
            output_format: "png" | "jpeg" | "webp";
            /** @enum {string} */
            quality: "auto" | "low" | "medium" | "high";
            /** @description Such as 256x256. */
            size: string;
        };
        /** @description The last event of a streamed response, once for each image. */
        OpenAiCompletedImage: {
            /** @enum {string} */
            type: "image_generation.completed" | "image_edit.completed";
            /**
             * Format: byte
             * @description The image.
             */
            b64_json: string;
            /** @description Which of the `n` images it is, from 0; not part of OpenAI's API. */
            image_index: number;
            /** @description When it was finished, as Unix time in seconds. */
            created_at: number;
            /** @enum {string} */
            background: "opaque";
            /**
             * @description What images are encoded as; png when absent, or what the `Accept` header asks for.
             * @enum {string}
             */
            output_format: "png" | "jpeg" | "webp";
            /** @enum {string} */
            quality: "auto" | "low" | "medium" | "high";
            /** @description Such as 256x256. */
            size: string;
            /** @description The model's preset that was used. */
            preset?: string;
            /** @description The model's size, if the images were scaled from it. */
            generated_size?: string;
            /** @description The fields that could not be served exactly, and how they were served. */
            adjusted?: {
                param: string;
                message: string;
            }[];
            /** @description A prompt only names a class, so it has no tokens; an image that is edited has. */
            usage: {
                input_tokens: number;
                /** @description Generated tokens: those of one image times the number of images. */
                output_tokens: number;
                total_tokens: number;
                input_tokens_details: {
                    image_tokens: number;
                    text_tokens: number;
                };
                output_tokens_details: {
                    image_tokens: number;
                    text_tokens: number;
                };
            };
        };
        /** @description A model in the shape of OpenAI's API. */
        OpenAiModel: {
            /** @description The value for a request's `model`. */
            id: string;
            /** @enum {string} */
            object: "model";
            /** @description Always 0: models have no creation time. */
            created: number;
            /** @description Always `marimba`. */
            owned_by: string;
        };
        /** @description An error of the routes under `/v1`. */
        OpenAiError: {
            error: {
                /** @description What is wrong, and what would be right. */
                message: string;
                /**
                 * @description The kind of error.
                 * @enum {string}
                 */
                type: "invalid_request_error" | "authentication_error" | "permission_error" | "rate_limit_error" | "server_error";
                /** @description The first wrong field, if a field is wrong. */
                param: string | null;
                /** @description The same stable codes as in problem documents. */
                code: string;
            };
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
    generate: {
        parameters: {
            query?: never;
            header?: {
                /** @description RFC 7240: `wait=n` waits up to n seconds for the job; `respond-async` does not wait. */
                Prefer?: string;
                /** @description Printable ASCII without spaces. The same key with the same body finds the same job. */
                "Idempotency-Key"?: string;
                /** @description Seconds, such as 30 or 2.5, up to a day. Like `deadline_ms`; the earlier of the two applies. */
                "Cancel-After"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GenerateRequest"];
            };
        };
        responses: {
            /** @description The image, or the job, which has ended: completed, failed or cancelled. */
            200: {
                headers: {
                    /** @description Address where the same bytes can be fetched again until the job expires. */
                    "Content-Location"?: string;
                    /** @description Hash of the bytes. */
                    ETag?: string;
                    /** @description The job's id. */
                    "Marimba-Job"?: string;
                    /** @description The seed that was used. The same seed gives the same image. */
                    "Marimba-Seed"?: string;
                    /** @description Milliseconds: queue, batch_wait, transformer, diffusion, decode, encode, total. */
                    "Server-Timing"?: string;
                    /** @description Mean number of images in the batch over the image's steps. */
                    "Marimba-Batch-Size"?: string;
                    /** @description Engine time, each step's divided by the number of images that shared it. */
                    "Marimba-Ms-Per-Image"?: string;
                    /** @description The API key's limits in images, if it has any. */
                    "RateLimit-Policy"?: string;
                    /** @description What is left of the limits. */
                    RateLimit?: string;
                    /** @description The part of `Prefer` that was applied. */
                    "Preference-Applied"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": string;
                    "image/jpeg": string;
                    "image/webp": string;
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description The job, which has not ended yet. */
            202: {
                headers: {
                    /** @description The job's address. */
                    Location?: string;
                    /** @description The part of `Prefer` that was applied. */
                    "Preference-Applied"?: string;
                    /** @description The API key's limits in images, if it has any. */
                    "RateLimit-Policy"?: string;
                    /** @description What is left of the limits. */
                    RateLimit?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description `malformed_json`: The body is not JSON. `invalid_request`: The request is not valid. `unknown_class`: The model has no such class. `unknown_preset`: The model has no such preset. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable`: None of the accepted media types is available. */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict`: The idempotency key was used for a different request. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: The body's media type is not supported. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`: The queue is full. `images_per_minute_exceeded`: The API key has reached its limit of images per minute. `concurrent_images_exceeded`: The API key has reached its limit of concurrent images. `webhooks_backed_up`: Too many webhooks of the API key are waiting for delivery. `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `generation_failed`: The image could not be generated. `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `no_worker`: No worker serves the model at the moment. `queue_draining`: The queue is being drained. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `deadline_exceeded`: The deadline passed before the image was finished. */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit: {
        parameters: {
            query?: never;
            header?: {
                /** @description RFC 7240: `wait=n` waits up to n seconds for the job; `respond-async` does not wait. */
                Prefer?: string;
                /** @description Printable ASCII without spaces. The same key with the same body finds the same job. */
                "Idempotency-Key"?: string;
                /** @description Seconds, such as 30 or 2.5, up to a day. Like `deadline_ms`; the earlier of the two applies. */
                "Cancel-After"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EditRequest"];
                "multipart/form-data": components["schemas"]["EditRequest"];
            };
        };
        responses: {
            /** @description The image, or the job, which has ended: completed, failed or cancelled. */
            200: {
                headers: {
                    /** @description Address where the same bytes can be fetched again until the job expires. */
                    "Content-Location"?: string;
                    /** @description Hash of the bytes. */
                    ETag?: string;
                    /** @description The job's id. */
                    "Marimba-Job"?: string;
                    /** @description The seed that was used. The same seed gives the same image. */
                    "Marimba-Seed"?: string;
                    /** @description Milliseconds: queue, batch_wait, transformer, diffusion, decode, encode, total. */
                    "Server-Timing"?: string;
                    /** @description Mean number of images in the batch over the image's steps. */
                    "Marimba-Batch-Size"?: string;
                    /** @description Engine time, each step's divided by the number of images that shared it. */
                    "Marimba-Ms-Per-Image"?: string;
                    /** @description The API key's limits in images, if it has any. */
                    "RateLimit-Policy"?: string;
                    /** @description What is left of the limits. */
                    RateLimit?: string;
                    /** @description The part of `Prefer` that was applied. */
                    "Preference-Applied"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": string;
                    "image/jpeg": string;
                    "image/webp": string;
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description The job, which has not ended yet. */
            202: {
                headers: {
                    /** @description The job's address. */
                    Location?: string;
                    /** @description The part of `Prefer` that was applied. */
                    "Preference-Applied"?: string;
                    /** @description The API key's limits in images, if it has any. */
                    "RateLimit-Policy"?: string;
                    /** @description What is left of the limits. */
                    RateLimit?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description `malformed_json`: The body is not JSON. `invalid_request`: The request is not valid. `unknown_class`: The model has no such class. `unknown_preset`: The model has no such preset. `not_editable`: The model can't edit images. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: This is not allowed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_acceptable`: None of the accepted media types is available. */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict`: The idempotency key was used for a different request. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: The body's media type is not supported. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_full`: The queue is full. `images_per_minute_exceeded`: The API key has reached its limit of images per minute. `concurrent_images_exceeded`: The API key has reached its limit of concurrent images. `webhooks_backed_up`: Too many webhooks of the API key are waiting for delivery. `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `generation_failed`: The image could not be generated. `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `no_worker`: No worker serves the model at the moment. `queue_draining`: The queue is being drained. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. `too_many_uploads`: Too many images are being uploaded. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `deadline_exceeded`: The deadline passed before the image was finished. */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listJobs: {
        parameters: {
            query?: {
                /** @description completed, failed and cancelled are final. */
                state?: "queued" | "running" | "completed" | "failed" | "cancelled";
                /** @description Jobs of one page; 20 when absent. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        jobs: components["schemas"]["Job"][];
                        /** @description The next page's `cursor`; absent on the last page. */
                        next_cursor?: string;
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteImages: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job and its images are deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_finished`: The job has not finished. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getJob: {
        parameters: {
            query?: {
                /** @description Whether a finished job's JSON links to its images or contains them; link when absent. */
                response_format?: "link" | "base64";
            };
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job's current state. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job after the cancellation. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getImage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
                /** @description Index of the image, from 0. */
                n: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The image. Its bytes never change: they depend on the job's parameters and seed only. */
            200: {
                headers: {
                    /** @description Hash of the bytes. */
                    ETag?: string;
                    /** @description The job's id. */
                    "Marimba-Job"?: string;
                    /** @description The job's seed. */
                    "Marimba-Seed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": string;
                    "image/jpeg": string;
                    "image/webp": string;
                };
            };
            /** @description `If-None-Match` matches the image's bytes. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. `image_not_found`: The job has no such image. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_finished`: The job has not finished. `job_failed`: The job failed and has no images. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLinkedImage: {
        parameters: {
            query?: {
                /** @description As in the address. */
                signature?: string;
            };
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
                /** @description Index of the image, from 0. */
                n: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The image. Its bytes never change: they depend on the job's parameters and seed only. */
            200: {
                headers: {
                    /** @description Hash of the bytes. */
                    ETag?: string;
                    /** @description The job's id. */
                    "Marimba-Job"?: string;
                    /** @description The job's seed. */
                    "Marimba-Seed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": string;
                    "image/jpeg": string;
                    "image/webp": string;
                };
            };
            /** @description `If-None-Match` matches the image's bytes. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. `image_not_found`: The job has no such image. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_finished`: The job has not finished. `job_failed`: The job failed and has no images. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLinkedJpeg: {
        parameters: {
            query?: {
                /** @description As in the address. */
                signature?: string;
            };
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
                /** @description Index of the image, from 0. */
                n: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The image. Its bytes never change: they depend on the job's parameters and seed only. */
            200: {
                headers: {
                    /** @description Hash of the bytes. */
                    ETag?: string;
                    /** @description The job's id. */
                    "Marimba-Job"?: string;
                    /** @description The job's seed. */
                    "Marimba-Seed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": string;
                    "image/jpeg": string;
                    "image/webp": string;
                };
            };
            /** @description `If-None-Match` matches the image's bytes. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. `image_not_found`: The job has no such image. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_finished`: The job has not finished. `job_failed`: The job failed and has no images. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLinkedWebp: {
        parameters: {
            query?: {
                /** @description As in the address. */
                signature?: string;
            };
            header?: never;
            path: {
                /** @description The job's id. */
                id: string;
                /** @description Index of the image, from 0. */
                n: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The image. Its bytes never change: they depend on the job's parameters and seed only. */
            200: {
                headers: {
                    /** @description Hash of the bytes. */
                    ETag?: string;
                    /** @description The job's id. */
                    "Marimba-Job"?: string;
                    /** @description The job's seed. */
                    "Marimba-Seed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/png": string;
                    "image/jpeg": string;
                    "image/webp": string;
                };
            };
            /** @description `If-None-Match` matches the image's bytes. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. `image_not_found`: The job has no such image. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_finished`: The job has not finished. `job_failed`: The job failed and has no images. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    watchJob: {
        parameters: {
            query?: {
                /** @description Whether to send previews; false when absent. */
                previews?: boolean;
            };
            header?: {
                /** @description The `id` of the last event received. */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @description The job's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events, until the job has ended. */
            200: {
                headers: {
                    /** @description Always `no`: proxies pass events on at once. */
                    "X-Accel-Buffering"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        /**
                         * @description The event's name.
                         * @enum {string}
                         */
                        event: "queued" | "running" | "completed" | "failed" | "cancelled" | "progress" | "preview";
                        /** @description JSON. */
                        data: string;
                        /** @description For `Last-Event-ID`. */
                        id?: string;
                        /** @description Milliseconds to wait before reconnecting. */
                        retry?: number;
                    };
                };
            };
            /** @description `Last-Event-ID` is the final event; nothing follows. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_not_found`: No such job. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_streams`: Too many event streams are open. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listModels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The models. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The model of requests that name none. */
                        default: string;
                        models: components["schemas"]["Model"][];
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The model's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listClasses: {
        parameters: {
            query?: {
                /** @description Part of a name (case-insensitive), an id or an index. */
                query?: string;
                /** @description Maximum number of classes to return; 1000 when absent. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The model's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The classes; those whose name begins with the query come first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        model: string;
                        /** @description Number of matching classes; `classes` has at most `limit` of them. */
                        total: number;
                        classes: {
                            index: number;
                            name: string;
                            /** @description Synset id, where the data set has one. */
                            id?: string;
                        }[];
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createImage: {
        parameters: {
            query?: never;
            header?: {
                /** @description Printable ASCII without spaces. The same key with the same body finds the same job. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OpenAiImageRequest"];
            };
        };
        responses: {
            /** @description The images or, with `stream`, events named after their `type`, or `error`. */
            200: {
                headers: {
                    /** @description The job's id, for `/jobs/{id}`. */
                    "Marimba-Job"?: string;
                    /** @description The seed that was used. The same seed gives the same images. */
                    "Marimba-Seed"?: string;
                    /** @description Milliseconds of each part, for the image that finished last. */
                    "Server-Timing"?: string;
                    /** @description Mean number of images in the batch over that image's steps. */
                    "Marimba-Batch-Size"?: string;
                    /** @description Engine time for that image, its share of each step. */
                    "Marimba-Ms-Per-Image"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiImages"];
                    "text/event-stream": {
                        /**
                         * @description The event's name.
                         * @enum {string}
                         */
                        event: "image_generation.partial_image" | "image_generation.completed" | "error";
                        /** @description JSON. */
                        data: string;
                        /** @description For `Last-Event-ID`. */
                        id?: string;
                        /** @description Milliseconds to wait before reconnecting. */
                        retry?: number;
                    };
                };
            };
            /** @description `malformed_json`: The body is not JSON. `invalid_request`: The request is not valid. `unknown_class`: The model has no such class. `unknown_preset`: The model has no such preset. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict`: The idempotency key was used for a different request. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `body_too_large`: The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unsupported_media_type`: The body's media type is not supported. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `queue_full`: The queue is full. `images_per_minute_exceeded`: The API key has reached its limit of images per minute. `concurrent_images_exceeded`: The API key has reached its limit of concurrent images. `webhooks_backed_up`: Too many webhooks of the API key are waiting for delivery. `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `generation_failed`: The image could not be generated. `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `no_worker`: No worker serves the model at the moment. `queue_draining`: The queue is being drained. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `deadline_exceeded`: The deadline passed before the image was finished. */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    createImageEdit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Printable ASCII without spaces. The same key with the same body finds the same job. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["OpenAiEditRequest"];
                "application/json": components["schemas"]["OpenAiEditRequest"];
            };
        };
        responses: {
            /** @description The images or, with `stream`, events named after their `type`, or `error`. */
            200: {
                headers: {
                    /** @description The job's id, for `/jobs/{id}`. */
                    "Marimba-Job"?: string;
                    /** @description The seed that was used. The same seed gives the same images. */
                    "Marimba-Seed"?: string;
                    /** @description Milliseconds of each part, for the image that finished last. */
                    "Server-Timing"?: string;
                    /** @description Mean number of images in the batch over that image's steps. */
                    "Marimba-Batch-Size"?: string;
                    /** @description Engine time for that image, its share of each step. */
                    "Marimba-Ms-Per-Image"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiImages"];
                    "text/event-stream": {
                        /**
                         * @description The event's name.
                         * @enum {string}
                         */
                        event: "image_edit.partial_image" | "image_edit.completed" | "error";
                        /** @description JSON. */
                        data: string;
                        /** @description For `Last-Event-ID`. */
                        id?: string;
                        /** @description Milliseconds to wait before reconnecting. */
                        retry?: number;
                    };
                };
            };
            /** @description `malformed_json`: The body is not JSON. `invalid_request`: The request is not valid. `unknown_class`: The model has no such class. `unknown_preset`: The model has no such preset. `not_editable`: The model can't edit images. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `forbidden`: This is not allowed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict`: The idempotency key was used for a different request. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `body_too_large`: The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unsupported_media_type`: The body's media type is not supported. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `queue_full`: The queue is full. `images_per_minute_exceeded`: The API key has reached its limit of images per minute. `concurrent_images_exceeded`: The API key has reached its limit of concurrent images. `webhooks_backed_up`: Too many webhooks of the API key are waiting for delivery. `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `generation_failed`: The image could not be generated. `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `no_worker`: No worker serves the model at the moment. `queue_draining`: The queue is being drained. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. `too_many_uploads`: Too many images are being uploaded. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `deadline_exceeded`: The deadline passed before the image was finished. */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    createImageVariation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Printable ASCII without spaces. The same key with the same body finds the same job. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["OpenAiVariationRequest"];
                "application/json": components["schemas"]["OpenAiVariationRequest"];
            };
        };
        responses: {
            /** @description The images. */
            200: {
                headers: {
                    /** @description The job's id, for `/jobs/{id}`. */
                    "Marimba-Job"?: string;
                    /** @description The seed that was used. The same seed gives the same images. */
                    "Marimba-Seed"?: string;
                    /** @description Milliseconds of each part, for the image that finished last. */
                    "Server-Timing"?: string;
                    /** @description Mean number of images in the batch over that image's steps. */
                    "Marimba-Batch-Size"?: string;
                    /** @description Engine time for that image, its share of each step. */
                    "Marimba-Ms-Per-Image"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiImages"];
                };
            };
            /** @description `malformed_json`: The body is not JSON. `invalid_request`: The request is not valid. `unknown_class`: The model has no such class. `unknown_preset`: The model has no such preset. `not_editable`: The model can't edit images. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `forbidden`: This is not allowed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_conflict`: The idempotency key was used for a different request. `job_cancelled`: The job was cancelled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `job_expired`: The job has expired or was deleted. `job_lost`: The queue has lost the job. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `body_too_large`: The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unsupported_media_type`: The body's media type is not supported. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `queue_full`: The queue is full. `images_per_minute_exceeded`: The API key has reached its limit of images per minute. `concurrent_images_exceeded`: The API key has reached its limit of concurrent images. `webhooks_backed_up`: Too many webhooks of the API key are waiting for delivery. `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `generation_failed`: The image could not be generated. `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `no_worker`: No worker serves the model at the moment. `queue_draining`: The queue is being drained. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. `too_many_uploads`: Too many images are being uploaded. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `deadline_exceeded`: The deadline passed before the image was finished. */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    listOpenAiModels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The models. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        object: "list";
                        data: components["schemas"]["OpenAiModel"][];
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    getOpenAiModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The model's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiModel"];
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `unknown_model`: No such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    isLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Always `live`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "live";
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    isReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Always `ready`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "ready";
                        /** @description Threads of one ONNX operator, if this process runs models. */
                        threads?: number;
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `no_worker`: No worker serves the model at the moment. `queue_unavailable`: The queue is not reachable at the moment. `shutting_down`: The server is shutting down. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every metric of the process and of the whole queue. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: This is not allowed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getQueue: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queue, over all processes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Images that may wait, over all models. */
                        max_queued_images: number;
                        /** @description Bytes of finished jobs and their images. */
                        kept_bytes: number;
                        models: {
                            model: string;
                            /** @description Images that wait. */
                            waiting: number;
                            /** @description Images on workers. */
                            running: number;
                            paused: boolean;
                            draining: boolean;
                            totals: {
                                /** @description Jobs. */
                                accepted: number;
                                /** @description Jobs. */
                                completed: number;
                                /** @description Jobs. */
                                failed: number;
                                /** @description Jobs. */
                                cancelled: number;
                                /** @description Images made and stored. */
                                images: number;
                            };
                            /** @description Live workers. */
                            workers: {
                                id: string;
                                host: string;
                                pid: number;
                                /** @description Images that the worker makes now, of all models. */
                                running: number;
                                paused: boolean;
                                /** @description Seconds that the worker's clock is ahead of the queue's; negative: behind. */
                                skew: number;
                            }[];
                        }[];
                    };
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthorized`: A valid API key is required. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: This is not allowed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_many_failures`: Too many requests without a valid API key. */
            429: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `queue_unavailable`: The queue is not reachable at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait before the next attempt. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOpenApi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description `invalid_request`: The request is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: The request did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `uri_too_long`: The address is too long. */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `misdirected`: The server does not serve this host. */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `header_too_large`: The headers are too large. */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: Internal server error. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
