"""The exceptions that have an id of their own on the wire, as data.

Source: the handles of ``ElasticsearchException`` in Elasticsearch 8.19.21, in the order of their ids; the gaps were of exceptions
that are gone. A class is named below ``org.elasticsearch``. Java's and Lucene's own exceptions, and those that
Elasticsearch does not register, are in :mod:`protocol.exceptions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from protocol.exceptions.fields import (
    ACTION,
    BLOCKS,
    BREAKER,
    CONTEXT_ID,
    DOCUMENT_ID,
    FAILURE_STORE,
    LINE_AND_COLUMN,
    MAX_BUCKETS,
    MISSING_NODES,
    NAME,
    NODE,
    PHASE,
    RECOVER_FILES,
    RECOVERY_PHASE,
    REPOSITORY,
    REPOSITORY_CONFLICT,
    SCRIPT,
    SHARD_ROUTING,
    SHARD_STATE,
    SNAPSHOT,
    TARGET,
    TIMESTAMP,
    Field,
)
from protocol.versions import Feature

REMOTE_EXCEPTION = Feature("remote_exception", 8841016)
MISSING_SEARCH_NODES = Feature("search_context_missing_nodes_exception", 9291000, (9250007, 9185021, 8841085))


class StatusRule(Enum):
    """Where the HTTP status comes from when it is not one of the type."""

    ON_THE_WIRE = auto()
    OF_CAUSE = auto()
    OF_SHARD_FAILURES = auto()
    OF_BLOCKS = auto()


ON_THE_WIRE, OF_CAUSE, OF_SHARD_FAILURES, OF_BLOCKS = StatusRule


@dataclass(frozen=True, slots=True)
class Kind:
    """One registered exception: its REST name, id, class, what its body adds, and the status it has.

    A ``wrapper`` shows its cause in its place over REST, and has the cause's status.
    """

    type: str
    id: int
    java_class: str
    fields: tuple[Field, ...] = ()
    status: int | StatusRule = 500
    wrapper: bool = False
    since: Feature | None = None


_ALL = (
    Kind("index_shard_snapshot_failed_exception", 0, "index.snapshots.IndexShardSnapshotFailedException"),
    Kind("dfs_phase_execution_exception", 1, "search.dfs.DfsPhaseExecutionException", TARGET, wrapper=True),
    Kind("execution_cancelled_exception", 2, "common.util.CancellableThreads$ExecutionCancelledException"),
    Kind("master_not_discovered_exception", 3, "discovery.MasterNotDiscoveredException", status=503),
    Kind("security_exception", 4, "ElasticsearchSecurityException", status=ON_THE_WIRE),
    Kind("index_shard_restore_exception", 5, "index.snapshots.IndexShardRestoreException"),
    Kind("index_closed_exception", 6, "indices.IndexClosedException", status=400),
    Kind("bind_http_exception", 7, "http.BindHttpException"),
    Kind("reduce_search_phase_exception", 8, "action.search.ReduceSearchPhaseException", PHASE, status=OF_SHARD_FAILURES),
    Kind("node_closed_exception", 9, "node.NodeClosedException"),
    Kind("shard_not_found_exception", 11, "index.shard.ShardNotFoundException", status=404),
    Kind("connect_transport_exception", 12, "transport.ConnectTransportException", status=502),
    Kind("not_serializable_transport_exception", 13, "transport.NotSerializableTransportException"),
    Kind("response_handler_failure_transport_exception", 14, "transport.ResponseHandlerFailureTransportException"),
    Kind("index_creation_exception", 15, "indices.IndexCreationException", wrapper=True),
    Kind("index_not_found_exception", 16, "index.IndexNotFoundException", status=404),
    Kind("illegal_shard_routing_state_exception", 17, "cluster.routing.IllegalShardRoutingStateException", SHARD_ROUTING),
    Kind(
        "broadcast_shard_operation_failed_exception",
        18,
        "action.support.broadcast.BroadcastShardOperationFailedException",
        wrapper=True,
    ),
    Kind("resource_not_found_exception", 19, "ResourceNotFoundException", status=404),
    Kind("action_transport_exception", 20, "transport.ActionTransportException"),
    Kind("generation_exception", 21, "ElasticsearchGenerationException"),
    Kind("index_shard_started_exception", 23, "index.shard.IndexShardStartedException", SHARD_STATE, status=404),
    Kind("search_context_missing_exception", 24, "search.SearchContextMissingException", CONTEXT_ID, status=404),
    Kind("general_script_exception", 25, "script.GeneralScriptException"),
    Kind("document_missing_exception", 29, "index.engine.DocumentMissingException", status=404),
    Kind("snapshot_exception", 30, "snapshots.SnapshotException", SNAPSHOT),
    Kind("invalid_alias_name_exception", 31, "indices.InvalidAliasNameException", status=400),
    Kind("invalid_index_name_exception", 32, "indices.InvalidIndexNameException", status=400),
    Kind("index_primary_shard_not_allocated_exception", 33, "indices.IndexPrimaryShardNotAllocatedException", status=500),
    Kind("transport_exception", 34, "transport.TransportException"),
    Kind("parse_exception", 35, "ElasticsearchParseException", status=400),
    Kind("search_exception", 36, "search.SearchException", TARGET, wrapper=True),
    Kind("mapper_exception", 37, "index.mapper.MapperException"),
    Kind("invalid_type_name_exception", 38, "indices.InvalidTypeNameException", status=400),
    Kind("snapshot_restore_exception", 39, "snapshots.SnapshotRestoreException", SNAPSHOT),
    Kind("parsing_exception", 40, "common.ParsingException", LINE_AND_COLUMN, status=400),
    Kind("index_shard_closed_exception", 41, "index.shard.IndexShardClosedException", SHARD_STATE, status=404),
    Kind("recover_files_recovery_exception", 42, "indices.recovery.RecoverFilesRecoveryException", RECOVER_FILES, wrapper=True),
    Kind("truncated_translog_exception", 43, "index.translog.TruncatedTranslogException"),
    Kind("recovery_failed_exception", 44, "indices.recovery.RecoveryFailedException"),
    Kind("index_shard_relocated_exception", 45, "index.shard.IndexShardRelocatedException", SHARD_STATE, status=404),
    Kind("translog_corrupted_exception", 48, "index.translog.TranslogCorruptedException"),
    Kind("cluster_block_exception", 49, "cluster.block.ClusterBlockException", BLOCKS, status=OF_BLOCKS),
    Kind("fetch_phase_execution_exception", 50, "search.fetch.FetchPhaseExecutionException", TARGET, wrapper=True),
    Kind("version_conflict_engine_exception", 52, "index.engine.VersionConflictEngineException", status=409),
    Kind("engine_exception", 53, "index.engine.EngineException"),
    Kind("no_such_node_exception", 55, "action.NoSuchNodeException", NODE),
    Kind("settings_exception", 56, "common.settings.SettingsException"),
    Kind("index_template_missing_exception", 57, "indices.IndexTemplateMissingException", NAME, status=404),
    Kind("send_request_transport_exception", 58, "transport.SendRequestTransportException", wrapper=True),
    Kind("not_serializable_exception_wrapper", 62, "common.io.stream.NotSerializableExceptionWrapper", status=ON_THE_WIRE),
    Kind("alias_filter_parsing_exception", 63, "indices.AliasFilterParsingException"),
    Kind("index_shard_not_recovering_exception", 66, "index.shard.IndexShardNotRecoveringException", SHARD_STATE, status=404),
    Kind("http_exception", 67, "http.HttpException"),
    Kind("exception", 68, "ElasticsearchException"),
    Kind("snapshot_missing_exception", 69, "snapshots.SnapshotMissingException", SNAPSHOT, status=404),
    Kind("primary_missing_action_exception", 70, "action.PrimaryMissingActionException"),
    Kind("failed_node_exception", 71, "action.FailedNodeException", NODE),
    Kind("concurrent_snapshot_execution_exception", 73, "snapshots.ConcurrentSnapshotExecutionException", SNAPSHOT, status=503),
    Kind("blob_store_exception", 74, "common.blobstore.BlobStoreException"),
    Kind("incompatible_cluster_state_version_exception", 75, "cluster.IncompatibleClusterStateVersionException"),
    Kind("recovery_engine_exception", 76, "index.engine.RecoveryEngineException", RECOVERY_PHASE),
    Kind("uncategorized_execution_exception", 77, "common.util.concurrent.UncategorizedExecutionException"),
    Kind("timestamp_parsing_exception", 78, "action.TimestampParsingException", TIMESTAMP),
    Kind("routing_missing_exception", 79, "action.RoutingMissingException", DOCUMENT_ID, status=400),
    Kind("index_shard_restore_failed_exception", 81, "index.snapshots.IndexShardRestoreFailedException"),
    Kind("repository_exception", 82, "repositories.RepositoryException", REPOSITORY),
    Kind("receive_timeout_transport_exception", 83, "transport.ReceiveTimeoutTransportException"),
    Kind("node_disconnected_exception", 84, "transport.NodeDisconnectedException", status=502),
    Kind("aggregation_execution_exception", 86, "search.aggregations.AggregationExecutionException"),
    Kind("invalid_index_template_exception", 88, "indices.InvalidIndexTemplateException", NAME, status=400),
    Kind("refresh_failed_engine_exception", 90, "index.engine.RefreshFailedEngineException"),
    Kind("aggregation_initialization_exception", 91, "search.aggregations.AggregationInitializationException"),
    Kind("delay_recovery_exception", 92, "indices.recovery.DelayRecoveryException"),
    Kind("no_node_available_exception", 94, "client.internal.transport.NoNodeAvailableException", status=503),
    Kind("invalid_snapshot_name_exception", 96, "snapshots.InvalidSnapshotNameException", SNAPSHOT, status=400),
    Kind("illegal_index_shard_state_exception", 97, "index.shard.IllegalIndexShardStateException", SHARD_STATE, status=404),
    Kind("index_shard_snapshot_exception", 98, "index.snapshots.IndexShardSnapshotException"),
    Kind("index_shard_not_started_exception", 99, "index.shard.IndexShardNotStartedException", SHARD_STATE, status=404),
    Kind("search_phase_execution_exception", 100, "action.search.SearchPhaseExecutionException", PHASE, status=OF_SHARD_FAILURES),
    Kind("action_not_found_transport_exception", 101, "transport.ActionNotFoundTransportException", ACTION),
    Kind("transport_serialization_exception", 102, "transport.TransportSerializationException"),
    Kind("remote_transport_exception", 103, "transport.RemoteTransportException", wrapper=True),
    Kind("engine_creation_failure_exception", 104, "index.engine.EngineCreationFailureException"),
    Kind("routing_exception", 105, "cluster.routing.RoutingException"),
    Kind("index_shard_recovery_exception", 106, "index.shard.IndexShardRecoveryException"),
    Kind("repository_missing_exception", 107, "repositories.RepositoryMissingException", REPOSITORY, status=404),
    Kind("document_source_missing_exception", 109, "index.engine.DocumentSourceMissingException", status=400),
    Kind("no_class_settings_exception", 111, "common.settings.NoClassSettingsException"),
    Kind("bind_transport_exception", 112, "transport.BindTransportException"),
    Kind("aliases_not_found_exception", 113, "rest.action.admin.indices.AliasesNotFoundException", status=404),
    Kind("index_shard_recovering_exception", 114, "index.shard.IndexShardRecoveringException", SHARD_STATE, status=404),
    Kind("translog_exception", 115, "index.translog.TranslogException"),
    Kind("process_cluster_event_timeout_exception", 116, "cluster.metadata.ProcessClusterEventTimeoutException", status=503),
    Kind("retry_on_primary_exception", 117, "action.support.replication.ReplicationOperation$RetryOnPrimaryException"),
    Kind("timeout_exception", 118, "ElasticsearchTimeoutException"),
    Kind("query_phase_execution_exception", 119, "search.query.QueryPhaseExecutionException", TARGET, wrapper=True),
    Kind("repository_verification_exception", 120, "repositories.RepositoryVerificationException", REPOSITORY, status=500),
    Kind("invalid_aggregation_path_exception", 121, "search.aggregations.InvalidAggregationPathException"),
    Kind("resource_already_exists_exception", 123, "ResourceAlreadyExistsException", status=400),
    Kind("http_request_on_transport_exception", 125, "transport.TcpTransport$HttpRequestOnTransportException", status=400),
    Kind("mapper_parsing_exception", 126, "index.mapper.MapperParsingException", status=400),
    Kind("no_shard_available_action_exception", 130, "action.NoShardAvailableActionException", status=503),
    Kind("unavailable_shards_exception", 131, "action.UnavailableShardsException", status=503),
    Kind("flush_failed_engine_exception", 132, "index.engine.FlushFailedEngineException"),
    Kind("circuit_breaking_exception", 133, "common.breaker.CircuitBreakingException", BREAKER, status=429),
    Kind("node_not_connected_exception", 134, "transport.NodeNotConnectedException", status=502),
    Kind("strict_dynamic_mapping_exception", 135, "index.mapper.StrictDynamicMappingException", status=400),
    Kind("retry_on_replica_exception", 136, "action.support.replication.TransportReplicationAction$RetryOnReplicaException"),
    Kind("type_missing_exception", 137, "indices.TypeMissingException", status=404),
    Kind("failed_to_commit_cluster_state_exception", 140, "cluster.coordination.FailedToCommitClusterStateException"),
    Kind("query_shard_exception", 141, "index.query.QueryShardException", status=400),
    Kind("no_longer_primary_shard_exception", 142, "cluster.action.shard.ShardStateAction$NoLongerPrimaryShardException"),
    Kind("script_exception", 143, "script.ScriptException", SCRIPT, status=400),
    Kind("not_master_exception", 144, "cluster.NotMasterException"),
    Kind("status_exception", 145, "ElasticsearchStatusException", status=ON_THE_WIRE),
    Kind("task_cancelled_exception", 146, "tasks.TaskCancelledException", status=400),
    Kind("shard_lock_obtain_failed_exception", 147, "env.ShardLockObtainFailedException"),
    Kind(
        "too_many_buckets_exception",
        149,
        "search.aggregations.MultiBucketConsumerService$TooManyBucketsException",
        MAX_BUCKETS,
        status=400,
    ),
    Kind("coordination_state_rejected_exception", 150, "cluster.coordination.CoordinationStateRejectedException"),
    Kind("snapshot_in_progress_exception", 151, "snapshots.SnapshotInProgressException", status=400),
    Kind("no_such_remote_cluster_exception", 152, "transport.NoSuchRemoteClusterException", status=404),
    Kind("retention_lease_already_exists_exception", 153, "index.seqno.RetentionLeaseAlreadyExistsException", status=400),
    Kind("retention_lease_not_found_exception", 154, "index.seqno.RetentionLeaseNotFoundException", status=404),
    Kind("shard_not_in_primary_mode_exception", 155, "index.shard.ShardNotInPrimaryModeException", SHARD_STATE, status=404),
    Kind("retention_lease_invalid_retaining_seq_no_exception", 156, "index.seqno.RetentionLeaseInvalidRetainingSeqNoException"),
    Kind("ingest_processor_exception", 157, "ingest.IngestProcessorException", wrapper=True),
    Kind("peer_recovery_not_found", 158, "indices.recovery.PeerRecoveryNotFound", status=404),
    Kind("node_health_check_failure_exception", 159, "cluster.coordination.NodeHealthCheckFailureException"),
    Kind("no_seed_node_left_exception", 160, "transport.NoSeedNodeLeftException"),
    Kind("version_mismatch_exception", 161, "action.search.VersionMismatchException"),
    Kind("authentication_processing_error", 162, "ElasticsearchAuthenticationProcessingError", status=ON_THE_WIRE),
    Kind("repository_conflict_exception", 163, "repositories.RepositoryConflictException", REPOSITORY_CONFLICT, status=409),
    Kind("version_conflict_exception", 164, "cluster.desirednodes.VersionConflictException", status=409),
    Kind("snapshot_name_already_in_use_exception", 165, "snapshots.SnapshotNameAlreadyInUseException", SNAPSHOT, status=400),
    Kind("health_node_not_discovered_exception", 166, "health.node.action.HealthNodeNotDiscoveredException", status=503),
    Kind(
        "unsupported_aggregation_on_downsampled_index",
        167,
        "search.aggregations.UnsupportedAggregationOnDownsampledIndex",
        status=400,
    ),
    Kind("document_parsing_exception", 168, "index.mapper.DocumentParsingException", status=400),
    Kind("http_headers_validation_exception", 169, "http.HttpHeadersValidationException", wrapper=True),
    Kind("role_restriction_exception", 170, "ElasticsearchRoleRestrictionException", status=ON_THE_WIRE),
    Kind("api_not_available_exception", 171, "rest.ApiNotAvailableException", status=410),
    Kind("recovery_commit_too_new_exception", 172, "indices.recovery.RecoveryCommitTooNewException"),
    Kind("too_many_scroll_contexts_exception", 173, "search.TooManyScrollContextsException", status=429),
    Kind("invalid_path", 174, "search.aggregations.AggregationExecutionException$InvalidPath", status=400),
    Kind("autoscaling_missed_indices_update_exception", 175, "indices.AutoscalingMissedIndicesUpdateException"),
    Kind("search_timeout_exception", 176, "search.query.SearchTimeoutException", TARGET, status=504, wrapper=True),
    Kind("graph_structure_exception", 177, "ingest.GraphStructureException"),
    Kind("failure_index_not_supported_exception", 178, "indices.FailureIndexNotSupportedException", status=400),
    Kind("not_persistent_task_node_exception", 179, "persistent.NotPersistentTaskNodeException", status=503),
    Kind("persistent_task_node_not_assigned_exception", 180, "persistent.PersistentTaskNodeNotAssignedException", status=503),
    Kind("resource_already_uploaded_exception", 181, "ResourceAlreadyUploadedException", status=404),
    Kind("ingest_pipeline_exception", 182, "ingest.IngestPipelineException", wrapper=True),
    Kind(
        "exception_with_failure_store_status",
        183,
        "action.bulk.IndexDocFailureStoreStatus$ExceptionWithFailureStoreStatus",
        FAILURE_STORE,
        status=OF_CAUSE,
    ),
    Kind("remote_exception", 184, "cluster.RemoteException", status=OF_CAUSE, since=REMOTE_EXCEPTION),
    Kind(
        "search_context_missing_nodes_exception",
        185,
        "action.search.SearchContextMissingNodesException",
        MISSING_NODES,
        status=404,
        since=MISSING_SEARCH_NODES,
    ),
)

KINDS: dict[str, Kind] = {kind.type: kind for kind in _ALL}
"""By REST name."""

KINDS_BY_ID: dict[int, Kind] = {kind.id: kind for kind in _ALL}

WRAPPER = KINDS["not_serializable_exception_wrapper"]
"""Of what has neither an id nor a key: it keeps the type's name, and the name precedes the message."""
