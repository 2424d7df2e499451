import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.lucene.index.CorruptIndexException;
import org.apache.lucene.index.IndexFormatTooNewException;
import org.apache.lucene.index.IndexFormatTooOldException;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.LockObtainFailedException;
import org.elasticsearch.ElasticsearchException;
import org.elasticsearch.ElasticsearchParseException;
import org.elasticsearch.ElasticsearchSecurityException;
import org.elasticsearch.ElasticsearchStatusException;
import org.elasticsearch.ResourceNotFoundException;
import org.elasticsearch.action.FailedNodeException;
import org.elasticsearch.action.search.ReduceSearchPhaseException;
import org.elasticsearch.action.search.SearchContextMissingNodesException;
import org.elasticsearch.action.search.SearchPhaseExecutionException;
import org.elasticsearch.action.search.ShardSearchFailure;
import org.elasticsearch.cluster.RemoteException;
import org.elasticsearch.cluster.block.ClusterBlock;
import org.elasticsearch.cluster.block.ClusterBlockException;
import org.elasticsearch.cluster.block.ClusterBlockLevel;
import org.elasticsearch.common.ParsingException;
import org.elasticsearch.common.breaker.CircuitBreaker;
import org.elasticsearch.common.breaker.CircuitBreakingException;
import org.elasticsearch.common.util.concurrent.EsRejectedExecutionException;
import org.elasticsearch.index.Index;
import org.elasticsearch.index.IndexNotFoundException;
import org.elasticsearch.index.query.QueryShardException;
import org.elasticsearch.index.shard.IndexShardClosedException;
import org.elasticsearch.index.shard.ShardId;
import org.elasticsearch.repositories.RepositoryConflictException;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.script.ScriptException;
import org.elasticsearch.search.SearchContextMissingException;
import org.elasticsearch.search.SearchException;
import org.elasticsearch.search.SearchShardTarget;
import org.elasticsearch.search.aggregations.MultiBucketConsumerService.TooManyBucketsException;
import org.elasticsearch.search.internal.ShardSearchContextId;
import org.elasticsearch.snapshots.SnapshotMissingException;
import org.elasticsearch.tasks.TaskCancelledException;
import org.elasticsearch.transport.ActionNotFoundTransportException;
import org.elasticsearch.transport.RemoteTransportException;
import org.elasticsearch.xcontent.XContentLocation;
import org.elasticsearch.xcontent.XContentParseException;

/** One exception of each form that the wire has, without stack traces. */
class ExceptionSamples {
    private static final ShardId SHARD = new ShardId("logs-1", "uuid-1", 3);
    private static final SearchShardTarget TARGET = new SearchShardTarget("node-1", SHARD, "rem");

    static Map<String, Exception> all() {
        Map<String, Exception> samples = new LinkedHashMap<>();
        java(samples);
        elasticsearch(samples);
        search(samples);
        samples.values().forEach(MessageSamples::stackless);
        return samples;
    }

    private static void java(Map<String, Exception> samples) {
        IOException cause = new IOException("disk", new EOFException("end"));
        samples.put("corrupt index", new CorruptIndexException("bad checksum", "_0.cfs", cause));
        samples.put("too new", new IndexFormatTooNewException("segments_1", 12, 1, 10));
        samples.put("too old by number", new IndexFormatTooOldException("segments_1", 1, 7, 10));
        samples.put("too old by name", new IndexFormatTooOldException("segments_1", "before 7"));
        samples.put("null pointer", new NullPointerException());
        samples.put("number format", new NumberFormatException("For input string: \"x\""));
        samples.put("illegal argument", new IllegalArgumentException("bad", cause));
        samples.put("already closed", new AlreadyClosedException("closed", cause));
        samples.put("security of java", new SecurityException("no", cause));
        samples.put("string index", new StringIndexOutOfBoundsException("5"));
        samples.put("array index", new ArrayIndexOutOfBoundsException("6"));
        samples.put("file not found", new FileNotFoundException("f"));
        samples.put("no such file", new NoSuchFileException("a", "b", "gone"));
        samples.put("not a directory", new NotDirectoryException("a"));
        samples.put("illegal state", new IllegalStateException("state", cause));
        samples.put("lock", new LockObtainFailedException("lock", cause));
        samples.put("interrupted", new InterruptedException("stop"));
        samples.put("rejected", new EsRejectedExecutionException("full", true));
        samples.put("parse position", new XContentParseException(new XContentLocation(2, 7), "unknown field [x]"));
        samples.put("unregistered", new UnsupportedOperationException("never", cause));
        samples.put("unregistered without message", new RuntimeException());
        IllegalStateException suppressing = new IllegalStateException("outer");
        suppressing.addSuppressed(MessageSamples.stackless(new IllegalArgumentException("inner")));
        samples.put("suppressed", suppressing);
    }

    private static void elasticsearch(Map<String, Exception> samples) {
        IndexNotFoundException missing = new IndexNotFoundException("logs-9");
        missing.setResources("index_or_alias", "logs-9");
        samples.put("index not found", missing);
        samples.put("wrapped", new RemoteTransportException("[rem][127.0.0.1:9443][indices:data/read/search]", missing));
        ElasticsearchSecurityException denied = new ElasticsearchSecurityException("who?", RestStatus.UNAUTHORIZED);
        denied.addHeader("WWW-Authenticate", List.of("Basic realm=\"security\"", "ApiKey"));
        denied.addMetadata("es.additional_unsuccessful_credentials", "API key: expired");
        samples.put("security", denied);
        samples.put("security with cause", new ElasticsearchSecurityException("no", RestStatus.FORBIDDEN, missing));
        samples.put("status", new ElasticsearchStatusException("taken", RestStatus.CONFLICT));
        samples.put("plain", new ElasticsearchException("plain", new IllegalArgumentException("why")));
        samples.put("parsing", new ParsingException(4, 12, "unexpected [x]", null));
        samples.put("parse", new ElasticsearchParseException("unreadable"));
        samples.put("breaker", new CircuitBreakingException("Data too large", 2048, 1024, CircuitBreaker.Durability.PERMANENT));
        samples.put("action not found", new ActionNotFoundTransportException("indices:x"));
        samples.put("resource not found", new ResourceNotFoundException("none"));
        samples.put("failed node", new FailedNodeException("node-1", "failed", missing));
        samples.put("script", new ScriptException("compile error", new IllegalArgumentException("why"), List.of("a", "^--"), "a b", "painless",
            new ScriptException.Position(2, 0, 3)));
        samples.put("cluster block", new ClusterBlockException(Set.of(
            new ClusterBlock(4, "uuid", "closed", true, false, false, RestStatus.FORBIDDEN, EnumSet.of(ClusterBlockLevel.READ, ClusterBlockLevel.REFRESH)))));
        samples.put("shard closed", new IndexShardClosedException(SHARD));
        samples.put("snapshot missing", new SnapshotMissingException("repo", "snap"));
        samples.put("repository conflict", new RepositoryConflictException("repo", "conflict", "old words"));
        samples.put("remote", new RemoteException("rem", missing));
        samples.put("cancelled", new TaskCancelledException("by user request"));
    }

    private static void search(Map<String, Exception> samples) {
        QueryShardException query = new QueryShardException(new Index("logs-1", "uuid-1"), "No mapping found for [x]", null);
        query.setShard(SHARD);
        ShardSearchFailure first = new ShardSearchFailure(query, TARGET);
        ShardSearchFailure same = new ShardSearchFailure(query, new SearchShardTarget("node-2", new ShardId("logs-1", "uuid-1", 4), "rem"));
        ShardSearchFailure other = new ShardSearchFailure(new EsRejectedExecutionException("full"), new SearchShardTarget("node-1",
            new ShardId("logs-2", "uuid-2", 0), "rem"));
        MessageSamples.stackless((Exception) other.getCause());
        samples.put("query shard", query);
        samples.put("all shards failed", new SearchPhaseExecutionException("query", "all shards failed", query,
            new ShardSearchFailure[] { first, same, other }));
        ShardSearchFailure ours = new ShardSearchFailure(MessageSamples.stackless(new IllegalArgumentException("bad value")), TARGET);
        samples.put("all shards failed by java", new SearchPhaseExecutionException("query", "all shards failed", null, new ShardSearchFailure[] { ours }));
        samples.put("all shards failed by query", new SearchPhaseExecutionException("query", "all shards failed", null, new ShardSearchFailure[] { first }));
        samples.put("no shard left", new SearchPhaseExecutionException("fetch", "", new IllegalStateException("gone"), new ShardSearchFailure[0]));
        samples.put("no failures", new SearchPhaseExecutionException("query", "none", null, new ShardSearchFailure[0]));
        samples.put("reduce", new ReduceSearchPhaseException("merge", "failed", new IllegalArgumentException("bad"), new ShardSearchFailure[0]));
        samples.put("search wrapper", new SearchException(TARGET, "failed", new IllegalArgumentException("inner")));
        samples.put("too many buckets", new TooManyBucketsException("too many", 10000));
        samples.put("no context", new SearchContextMissingException(new ShardSearchContextId("session", 9, "searcher")));
        samples.put("missing nodes", new SearchContextMissingNodesException(SearchContextMissingNodesException.ContextType.PIT, Set.of("n1")));
    }
}
