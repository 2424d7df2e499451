import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;

import org.elasticsearch.TransportVersion;
import org.elasticsearch.action.search.SearchRequest;
import org.elasticsearch.action.search.SearchResponse;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.io.stream.BytesStreamOutput;
import org.elasticsearch.common.io.stream.NamedWriteableAwareStreamInput;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.io.stream.StreamInput;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.xcontent.ChunkedToXContent;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.search.builder.SearchSourceBuilder;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.XContentParserConfiguration;
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
    static {
        LogConfigurator.configureESLogging();
    }
    static final SearchModule SEARCH = new SearchModule(Settings.EMPTY, List.of());
    static final NamedWriteableRegistry WRITEABLES = new NamedWriteableRegistry(SEARCH.getNamedWriteables());
    static final NamedXContentRegistry XCONTENTS = new NamedXContentRegistry(SEARCH.getNamedXContents());
    static final XContentParserConfiguration PARSING = XContentParserConfiguration.EMPTY.withRegistry(XCONTENTS);

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            XContentBuilder answer = JsonXContent.contentBuilder().startObject();
            try {
                answer(XContentHelper.convertToMap(JsonXContent.jsonXContent, line, true), answer);
            } catch (Throwable e) {
                answer = JsonXContent.contentBuilder().startObject().field("error", String.valueOf(e));
            }
            System.out.println(Strings.toString(answer.endObject()));
        }
    }

    static void answer(Map<String, Object> call, XContentBuilder answer) throws Exception {
        TransportVersion version = TransportVersion.fromId((Integer) call.get("version"));
        switch ((String) call.get("op")) {
            case "encode_source" -> {
                SearchSourceBuilder source;
                try (XContentParser parser = XContentHelper.createParserNotCompressed(PARSING, new BytesArray((String) call.get("body")), XContentType.JSON)) {
                    source = new SearchSourceBuilder().parseXContent(parser, true, feature -> true);
                }
                BytesReference bytes = write(source, version);
                answer.field("bytes", base64(bytes)).field("body", new SearchSourceBuilder(input(bytes, version)));
            }
            case "decode_source" -> {
                SearchSourceBuilder source = new SearchSourceBuilder(input(bytes(call), version));
                answer.field("body", source).field("bytes", base64(write(source, version)));
            }
            case "decode_request" -> {
                SearchRequest request = new SearchRequest(input(bytes(call), version));
                answer.field("text", request.toString()).field("bytes", base64(write(request, version)));
            }
            case "decode_response" -> {
                SearchResponse response = new SearchResponse(input(bytes(call), version));
                XContentBuilder body = JsonXContent.contentBuilder();
                Map<String, String> parameters = Map.of("typed_keys", "true");
                ChunkedToXContent.wrapAsToXContent(response).toXContent(body, new org.elasticsearch.xcontent.ToXContent.MapParams(parameters));
                answer.field("bytes", base64(write(response, version)));
                answer.rawField("body", BytesReference.bytes(body).streamInput(), XContentType.JSON);
            }
            case "decode_value" -> {
                Object value = input(bytes(call), version).readGenericValue();
                answer.field("body", Map.of("value", value)).field("bytes", base64(write(out -> out.writeGenericValue(value), version)));
            }
            case "encode_value" -> {
                Object value = XContentHelper.convertToMap(JsonXContent.jsonXContent, (String) call.get("body"), true).get("value");
                answer.field("bytes", base64(write(out -> out.writeGenericValue(value), version)));
            }
            default -> throw new IllegalArgumentException("op");
        }
    }

    static BytesReference write(Writeable message, TransportVersion version) throws Exception {
        BytesStreamOutput out = new BytesStreamOutput();
        out.setTransportVersion(version);
        message.writeTo(out);
        return out.bytes();
    }

    static BytesReference bytes(Map<String, Object> call) {
        return new BytesArray(Base64.getDecoder().decode((String) call.get("bytes")));
    }

    static StreamInput input(BytesReference bytes, TransportVersion version) throws Exception {
        StreamInput in = new NamedWriteableAwareStreamInput(bytes.streamInput(), WRITEABLES);
        in.setTransportVersion(version);
        return in;
    }

    static String base64(BytesReference bytes) {
        return Base64.getEncoder().encodeToString(BytesReference.toBytes(bytes));
    }
}
