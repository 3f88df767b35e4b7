//! The product's handler with the suite's tools, prompts and resources beside its own.

#![expect(deprecated, reason = "the suite asks for what older versions have")]
#![expect(clippy::expect_used, reason = "a fixture that can't start is to say so")]

use std::{sync::Arc, time::Duration};

use quire::mcp::Handler;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, CompleteRequestParams,
        CompleteResult, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
        RequestStateCodec, ServerConfig, ServerNotification, ServerRequest, SetLevelRequestParams,
        SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::RequestContext,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answers;

type Context = RequestContext<RoleServer>;

#[derive(Clone)]
pub(crate) struct Fixtures {
    product: Handler,
    states: Arc<RequestStateCodec>,
}

impl Fixtures {
    pub(crate) fn new(product: Handler) -> Fixtures {
        let states = RequestStateCodec::try_new(b"a key of a server that only tests talk to".as_slice());
        Fixtures { product, states: Arc::new(states.expect("a key of this length")) }
    }

    /// A tool that goes through several rounds of questions; `None` for those that don't.
    fn round(&self, request: &CallToolRequestParams, context: &Context) -> Option<Result<Value, ErrorData>> {
        let answers = json!(request.input_responses.clone().unwrap_or_default());
        let asked = |name: &str, message: &str, field: &str, kind: &str| json!({name: answers::elicit(message, json!({field: {"type": kind}}))});
        let name = || asked("user_name", "What is your name?", "name", "string");
        let confirm = || asked("confirm", "Please confirm", "ok", "boolean");
        let roots = || json!({"client_roots": {"method": "roots/list", "params": {}}});
        let has = |keys: &[&str]| keys.iter().all(|key| answers[key].is_object());
        Some(match request.name.as_ref() {
            "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
                let name_given = &answers["user_name"]["content"]["name"];
                match name_given.as_str() {
                    Some(given) => Ok(done(&format!("Hello, {given}!"))),
                    None => Ok(required(name(), None)),
                }
            }
            "test_input_required_result_sampling" if has(&["capital_question"]) => {
                Ok(done(&format!("Answer: {}", answers["capital_question"]["content"])))
            }
            "test_input_required_result_sampling" => {
                let question = answers::sample("What is the capital of France?", 100);
                Ok(required(json!({"capital_question": question}), None))
            }
            "test_input_required_result_list_roots" if has(&["client_roots"]) => {
                Ok(done(&format!("Roots: {}", answers["client_roots"]["roots"])))
            }
            "test_input_required_result_list_roots" => Ok(required(roots(), None)),
            "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
                self.stated(request, || has(&["confirm"]).then(|| done("state-ok")), confirm())
            }
            "test_input_required_result_multiple_inputs" => {
                let greeting = json!({"greeting": answers::sample("Generate a greeting", 50)});
                let all = merged([name(), greeting, roots()]);
                let complete = || has(&["user_name", "greeting", "client_roots"]).then(|| done("all answered"));
                self.stated(request, complete, all)
            }
            "test_input_required_result_multi_round" => {
                let step1 = asked("step1", "Step 1: What is your name?", "name", "string");
                let step2 = || asked("step2", "Step 2: What is your favorite color?", "color", "string");
                let next = || has(&["step1"]).then(|| required(step2(), Some(self.states.seal(b"round 2"))));
                self.stated(request, || if has(&["step2"]) { Some(done("both answered")) } else { next() }, step1)
            }
            "test_input_required_result_capabilities" => {
                let client = context.client_capabilities().unwrap_or_default();
                let mut questions = Vec::new();
                if client.sampling.is_some() {
                    questions.push(json!({"capital_question": answers::sample("What is the capital of France?", 100)}));
                }
                if client.elicitation.is_some() {
                    questions.push(name());
                }
                if client.roots.is_some() {
                    questions.push(roots());
                }
                Ok(required(merged(questions), Some(self.states.seal(b"asked"))))
            }
            _ => return None,
        })
    }

    /// A round that trusts only a state which this server has sealed.
    fn stated(
        &self,
        request: &CallToolRequestParams,
        complete: impl FnOnce() -> Option<Value>,
        questions: Value,
    ) -> Result<Value, ErrorData> {
        let ask = || required(questions, Some(self.states.seal(b"round 1")));
        let Some(state) = &request.request_state else { return Ok(ask()) };
        self.states.open(state).map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        Ok(complete().unwrap_or_else(ask))
    }
}

fn done(words: &str) -> Value {
    json!({"content": [answers::text(words)]})
}

fn required(questions: Value, state: Option<String>) -> Value {
    let mut result = json!({"resultType": "input_required", "inputRequests": questions});
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    result
}

fn merged(parts: impl IntoIterator<Item = Value>) -> Value {
    parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect::<serde_json::Map<_, _>>().into()
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// Either a result or a question.
fn response<T: DeserializeOwned, R: From<T> + From<InputRequiredResult>>(value: Value) -> Result<R, ErrorData> {
    if value["resultType"] == "input_required" {
        return parsed::<InputRequiredResult>(value).map(R::from);
    }
    complete::<T>(value).map(R::from)
}

/// A result that says so; rmcp takes that away again for older versions.
fn complete<T: DeserializeOwned>(mut value: Value) -> Result<T, ErrorData> {
    value["resultType"] = json!("complete");
    parsed(value)
}

/// Asks the client, as versions before 2026-07-28 let a server do.
async fn asked(context: &Context, question: Value) -> Result<Value, ErrorData> {
    let request: ServerRequest = parsed(question)?;
    let answer = context.peer.send_request(request).await;
    let answer = answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(json!(answer))
}

async fn logged(context: &Context, words: &str) {
    let note = json!({
        "method": "notifications/message",
        "params": {"level": "info", "logger": "conformance", "data": words},
    });
    if let Ok(note) = parsed::<ServerNotification>(note) {
        let _ = context.peer.send_notification(note).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn progressed(context: &Context) {
    for progress in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let report = ProgressNotificationParam::new(token, progress).with_total(100.0);
            let _ = context.peer.notify_progress(report).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.product.get_info();
        let more =
            json!({"completions": {}, "logging": {}, "prompts": {}, "resources": {"subscribe": true}, "tools": {}});
        info.capabilities = serde_json::from_value(more).expect("capabilities");
        info
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut listed = self.product.list_tools(page, context).await?;
        listed.tools.extend(parsed::<Vec<Tool>>(json!(answers::tools()))?);
        Ok(listed)
    }

    /// rmcp compares what headers repeat with the arguments that this says are repeated.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tool = answers::tools().into_iter().find(|tool| tool["name"] == name)?;
        serde_json::from_value(tool).ok()
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        if let Some(fixed) = answers::fixed(name) {
            return response::<CallToolResult, _>(fixed);
        }
        if let Some(round) = self.round(&request, &context) {
            return response::<CallToolResult, _>(round?);
        }
        let args = json!(request.arguments.clone().unwrap_or_default());
        if let Some(question) = answers::question(name, &args) {
            let answer = asked(&context, question).await?;
            let words = match name {
                "test_sampling" => format!("LLM response: {}", answer["content"]["text"].as_str().unwrap_or_default()),
                "test_elicitation" => format!("User response: {answer}"),
                _ => format!("Elicitation completed: action={}, content={}", answer["action"], answer["content"]),
            };
            return response::<CallToolResult, _>(done(&words));
        }
        match name {
            "test_missing_capability" => {
                let client = context.client_capabilities().unwrap_or_default();
                if client.sampling.is_none() {
                    let needed: ClientCapabilities = parsed(json!({"sampling": {}}))?;
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
            }
            "test_tool_with_logging" => {
                logged(&context, "Tool execution started").await;
                logged(&context, "Tool processing data").await;
                logged(&context, "Tool execution completed").await;
            }
            // Since 2026-07-28 a request says whether it wants to hear of the log.
            "test_logging_tool" => {
                if context.meta.get("io.modelcontextprotocol/logLevel").is_some() {
                    logged(&context, "as was asked for").await;
                }
            }
            "test_tool_with_progress" => progressed(&context).await,
            _ => return self.product.call_tool(request, context).await,
        }
        response::<CallToolResult, _>(done("done"))
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(parsed(answers::prompts())?))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == "test_input_required_result_prompt" {
            let answers = json!(request.input_responses.unwrap_or_default());
            let question =
                answers::elicit("What context should the prompt use?", json!({"context": {"type": "string"}}));
            let value = match answers["user_context"]["content"]["context"].as_str() {
                Some(given) => json!({"messages": [{"role": "user", "content": answers::text(given)}]}),
                None => required(json!({"user_context": question}), None),
            };
            return response::<GetPromptResult, _>(value);
        }
        let args = json!(request.arguments.unwrap_or_default());
        match answers::prompt(&request.name, &args) {
            Some(prompt) => response::<GetPromptResult, _>(prompt),
            None => Err(ErrorData::invalid_params(format!("no prompt is named `{}`", request.name), None)),
        }
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(parsed(answers::resources())?))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let template =
            json!({"uriTemplate": "test://template/{id}/data", "name": "template", "description": "Data by id"});
        Ok(ListResourceTemplatesResult::with_all_items(parsed(json!([template]))?))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match answers::contents(&request.uri) {
            Some(contents) => response::<ReadResourceResult, _>(contents),
            None => Err(ErrorData::resource_not_found("Resource not found", Some(json!({"uri": request.uri})))),
        }
    }

    async fn subscribe(&self, _request: SubscribeRequestParams, _context: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _request: UnsubscribeRequestParams, _context: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn complete(&self, _request: CompleteRequestParams, _context: Context) -> Result<CompleteResult, ErrorData> {
        complete(json!({"completion": {"values": ["paris", "park", "party"], "total": 3, "hasMore": false}}))
    }

    async fn set_level(&self, _request: SetLevelRequestParams, _context: Context) -> Result<(), ErrorData> {
        Ok(())
    }
}
