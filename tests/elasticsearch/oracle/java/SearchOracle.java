import java.util.Map;

import org.elasticsearch.TransportVersion;
import org.elasticsearch.action.search.SearchRequest;
import org.elasticsearch.action.search.SearchResponse;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.xcontent.ChunkedToXContent;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.search.builder.SearchSourceBuilder;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.XContentType;
import org.elasticsearch.xcontent.json.JsonXContent;

/**
 * Searches by Elasticsearch's own classes. Reads one JSON object a line and answers with one a line:
 *
 *   {"op": "encode_source", "version": 8841096, "body": "{...}"}     {"bytes": base64 of the SearchSourceBuilder, "body": as it renders them}
 *   {"op": "decode_source", "version": 8841096, "bytes": base64}     {"body": {...}, "bytes": the same, written again}
 *   {"op": "decode_request", ...}                                    {"bytes": ..., "text": what the request says of itself}
 *   {"op": "decode_response", ...}                                   {"body": with typed keys, "bytes": ...}
 *   {"op": "decode_value" | "encode_value", ...}                     a generic value: {"body": {"value": ...}, "bytes": ...}
 *
 * The body is a string, so that its numbers and the order of its members arrive as they were written.
 */
public class SearchOracle {
    public static void main(String[] args) throws Exception {
        Searching.serve(SearchOracle::answer);
    }

    static void answer(Map<String, Object> call, XContentBuilder answer) throws Exception {
        TransportVersion version = TransportVersion.fromId((Integer) call.get("version"));
        switch ((String) call.get("op")) {
            case "encode_source" -> {
                SearchSourceBuilder source;
                try (XContentParser parser = Searching.parser(call.get("body"))) {
                    source = new SearchSourceBuilder().parseXContent(parser, true, feature -> true);
                }
                BytesReference bytes = Searching.write(source, version);
                answer.field("bytes", Searching.base64(bytes)).field("body", new SearchSourceBuilder(Searching.input(bytes, version)));
            }
            case "decode_source" -> {
                SearchSourceBuilder source = new SearchSourceBuilder(Searching.input(Searching.bytes(call.get("bytes")), version));
                answer.field("body", source).field("bytes", Searching.base64(Searching.write(source, version)));
            }
            case "decode_request" -> {
                SearchRequest request = new SearchRequest(Searching.input(Searching.bytes(call.get("bytes")), version));
                answer.field("text", request.toString()).field("bytes", Searching.base64(Searching.write(request, version)));
            }
            case "decode_response" -> {
                SearchResponse response = new SearchResponse(Searching.input(Searching.bytes(call.get("bytes")), version));
                XContentBuilder body = JsonXContent.contentBuilder();
                Map<String, String> parameters = Map.of("typed_keys", "true");
                ChunkedToXContent.wrapAsToXContent(response).toXContent(body, new org.elasticsearch.xcontent.ToXContent.MapParams(parameters));
                answer.field("bytes", Searching.base64(Searching.write(response, version)));
                answer.rawField("body", BytesReference.bytes(body).streamInput(), XContentType.JSON);
            }
            case "decode_value" -> {
                Object value = Searching.input(Searching.bytes(call.get("bytes")), version).readGenericValue();
                answer.field("body", Map.of("value", value)).field("bytes", Searching.base64(Searching.write(out -> out.writeGenericValue(value), version)));
            }
            case "encode_value" -> {
                Object value = XContentHelper.convertToMap(JsonXContent.jsonXContent, (String) call.get("body"), true).get("value");
                answer.field("bytes", Searching.base64(Searching.write(out -> out.writeGenericValue(value), version)));
            }
            default -> throw new IllegalArgumentException("op");
        }
    }
}
