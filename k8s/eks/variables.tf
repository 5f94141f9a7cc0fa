# What all parts share.

variable "region" {
  description = "The AWS region of everything, such as eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is no region's name: give one such as us-east-1 or eu-central-1."
  }
}

variable "name" {
  description = "The cluster's name, and the beginning of every other name. Two of them can live in one account."
  type        = string
  default     = "sentiment"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is wrong: give 3 to 20 lower-case letters, digits and -, a letter first and no - at the end."
  }
}

variable "tags" {
  description = "Further tags of every resource."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags has a key that begins with aws:, which AWS keeps for itself: rename it."
  }
}

variable "keep_data" {
  description = "Whether the database, the bucket and the images withstand a destroy. Set it to false, and apply, before you destroy."
  type        = bool
  default     = true
}

# What the chart is installed as. The ServiceAccounts' names follow from it.

variable "namespace" {
  description = "The namespace that the chart is installed into."
  type        = string
  default     = "sentiment"

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace is no namespace's name: give at most 63 lower-case letters, digits and -."
  }
}

variable "release" {
  description = "The Helm release's name. It holds the word sentiment, so that it is the beginning of all objects' names."
  type        = string
  default     = "sentiment"

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,34}[a-z0-9])?$", var.release)) && strcontains(var.release, "sentiment")
    error_message = "release is wrong: give at most 36 lower-case letters, digits and -, with the word sentiment in it."
  }
}

variable "model_name" {
  description = "The model's name, which is its folder in the bucket (the chart's server.modelName)."
  type        = string
  default     = "sentiment"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", var.model_name))
    error_message = "model_name is wrong: give at most 63 letters, digits, dots, _ and -, a letter or digit first."
  }

  validation {
    condition     = !contains(["spill", "mlflow"], var.model_name)
    error_message = "model_name is a folder that the bucket has already (spill, mlflow): choose another."
  }
}

variable "auto_promote" {
  description = "Whether a training may promote its release without a person (the chart's training.autoPromote)."
  type        = bool
  default     = false
}

# The network and the cluster.

variable "vpc_cidr" {
  description = "The VPC's network. Each zone takes an eighth of it for nodes and pods, and a small public part."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.vpc_cidr)[1]), 99) <= 20
    error_message = "vpc_cidr is wrong: give an IPv4 network of /16 to /20, such as 10.40.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones: 2 to 4."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "zones is wrong: give 2, 3 or 4; EKS and RDS need two."
  }
}

variable "nat_gateways" {
  description = "`one` for all zones, which is cheaper, or `each_zone`, so that a zone's end is not the others' end."
  type        = string
  default     = "one"

  validation {
    condition     = contains(["one", "each_zone"], var.nat_gateways)
    error_message = "nat_gateways is wrong: give one or each_zone."
  }
}

variable "kubernetes_version" {
  description = "The cluster's Kubernetes. The chart needs 1.31 and is tested with 1.34; EKS keeps a version for 14 months."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.(3[1-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version is wrong: give 1.31 or later, without a patch version, such as 1.35."
  }
}

variable "api_cidrs" {
  description = "Networks that may reach the cluster's API from outside, such as [\"203.0.113.7/32\"]. It asks for IAM credentials besides."
  type        = list(string)

  validation {
    condition     = length(var.api_cidrs) > 0 && alltrue([for cidr in var.api_cidrs : can(cidrnetmask(cidr))])
    error_message = "api_cidrs is wrong: give at least one IPv4 network, such as [\"203.0.113.7/32\"] for one address."
  }
}

variable "cluster_logs" {
  description = "Logs of the control plane that go to CloudWatch."
  type        = list(string)
  default     = ["audit", "authenticator"]

  validation {
    condition     = length(setsubtract(var.cluster_logs, ["api", "audit", "authenticator", "controllerManager", "scheduler"])) == 0
    error_message = "cluster_logs is wrong: take of api, audit, authenticator, controllerManager and scheduler."
  }
}

variable "cluster_log_days" {
  description = "Days that those logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365], var.cluster_log_days)
    error_message = "cluster_log_days is wrong: CloudWatch takes 1, 3, 5, 7, 14, 30, 60, 90, 180 or 365."
  }
}

# The database.

variable "database_class" {
  description = "The database's instance class. A server pod takes up to ten connections; db.t4g.small has about 180."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_class))
    error_message = "database_class is wrong: give an RDS instance class, such as db.t4g.small or db.m7g.large."
  }
}

variable "database_gigabytes" {
  description = "The database's disk in gigabytes. It grows automatically to five times that."
  type        = number
  default     = 20

  validation {
    condition     = var.database_gigabytes >= 20 && var.database_gigabytes <= 10000 && floor(var.database_gigabytes) == var.database_gigabytes
    error_message = "database_gigabytes is wrong: give a whole number from 20 to 10000."
  }
}

variable "database_multi_zone" {
  description = "Whether a second database in another zone stands by, which doubles its price."
  type        = bool
  default     = false
}

variable "database_backup_days" {
  description = "Days that the database can be put back to any moment of."
  type        = number
  default     = 7

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35 && floor(var.database_backup_days) == var.database_backup_days
    error_message = "database_backup_days is wrong: give a whole number from 1 to 35."
  }
}

# The bucket and the images.

variable "bucket_history_days" {
  description = "Days that overwritten and deleted objects can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.bucket_history_days >= 1 && floor(var.bucket_history_days) == var.bucket_history_days
    error_message = "bucket_history_days is wrong: give a whole number of days, 1 or more."
  }
}

variable "images_kept" {
  description = "The newest images of each repository that are kept."
  type        = number
  default     = 10

  validation {
    condition     = var.images_kept >= 2 && floor(var.images_kept) == var.images_kept
    error_message = "images_kept is wrong: give a whole number, 2 or more: a rollback needs the last image."
  }
}

# The way in from outside of the cluster; none without a host name.

variable "hostname" {
  description = "The host name that the server is called by, such as sentiment.example.com. Without one there is no load balancer."
  type        = string
  default     = ""

  validation {
    condition     = var.hostname == "" || can(regex("^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.hostname))
    error_message = "hostname is no host name: give a full one in lower case, such as sentiment.example.com."
  }
}

variable "hosted_zone_id" {
  description = "The Route 53 zone that the host name lies in; its certificate is proved there."
  type        = string
  default     = ""

  validation {
    condition     = var.hosted_zone_id == "" || can(regex("^Z[A-Z0-9]{5,31}$", var.hosted_zone_id))
    error_message = "hosted_zone_id is wrong: give the id of a Route 53 zone, such as Z0123456789ABCDEFGHIJ."
  }

  validation {
    condition     = (var.hostname == "") == (var.hosted_zone_id == "")
    error_message = "hosted_zone_id and hostname belong together: give both or neither."
  }
}

variable "load_balancer_scheme" {
  description = "`internal` for callers in the VPC and what is joined to it, or `internet-facing`."
  type        = string
  default     = "internal"

  validation {
    condition     = contains(["internal", "internet-facing"], var.load_balancer_scheme)
    error_message = "load_balancer_scheme is wrong: give internal or internet-facing."
  }
}

variable "load_balancer_cidrs" {
  description = "Networks that may call the load balancer. The server asks nobody who they are, so name those that you trust."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.load_balancer_cidrs : can(cidrnetmask(cidr))])
    error_message = "load_balancer_cidrs is wrong: give IPv4 networks, such as [\"10.40.0.0/16\"]."
  }

  validation {
    condition     = (var.hostname == "") == (length(var.load_balancer_cidrs) == 0)
    error_message = "load_balancer_cidrs and hostname belong together: give both or neither."
  }
}
